//! The first utility: a row for each segment, technologies side by side, `NULL` in words.

mod network;
mod project;

use std::io;

use super::faults::{self, Fault};
use super::scene::{Population, Scene};
use super::sheet::Sheet;
use super::text::{damaged, month_first};
use network::Segment;
use project::{Project, ProjectDates, TECHNOLOGIES};

const NULL: &str = "NULL";

/// Segments, with their feeder's capacities; the first column has no name and counts the rows.
pub(super) fn circuits(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    sheet.row(&network::HEADER)?;
    for entry in scene.entries(Population::Segments1) {
        sheet.row(&Segment::at(scene, entry).cells())?;
    }
    Ok(())
}

/// Installed DERs; among them the ragged row and the record that occurs twice.
pub(super) fn install_der(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    let head = [
        "ProjectID",
        "ProjectType",
        "NamePlateRating",
        "TotalChargesCESIR",
        "TotalChargesConstruction",
        "CESIR_EST",
        "SystemUpgrade_EST",
        "ProjectCircuitID",
        "Hybrid",
    ];
    sheet.row(&[head.as_slice(), &TECHNOLOGIES].concat())?;
    let twice = scene.has(Fault::DuplicateKey);
    for entry in scene.entries(Population::Installed1) {
        let mut project = Project::installed(scene, entry);
        if twice && entry.index == faults::DUPLICATE_ROW {
            project.rerate(150);
        }
        let mut cells = installed_cells(&project);
        if scene.has(Fault::RaggedRow) && entry.index == faults::RAGGED_ROW {
            cells.pop();
        }
        sheet.row(&cells)?;
        if twice && entry.index == faults::DUPLICATE_AGAIN_AFTER_ROW {
            let again = scene.entry(Population::Installed1, faults::DUPLICATE_ROW);
            sheet.row(&installed_cells(&Project::installed(scene, again)))?;
        }
    }
    Ok(())
}

fn installed_cells(project: &Project) -> Vec<String> {
    let mut cells = vec![project.id.to_string(), project.type_name.to_owned(), project.nameplate()];
    cells.extend(project.charges.iter().cloned());
    cells.push(project.circuit_ref.clone());
    cells.push(project.hybrid.to_owned());
    cells.extend(project.technologies());
    cells
}

/// Planned DERs; in one month a spreadsheet has been at the completion dates.
pub(super) fn planned_der(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    let head = [
        "ProjectType",
        "NamePlateRating",
        "InServiceDate",
        "ProjectStatus",
        "ProjectID",
        "CompletionDate",
        "ProjectCircuitID",
        "Hybrid",
    ];
    sheet.row(&[head.as_slice(), &TECHNOLOGIES].concat())?;
    let write_date = if scene.has(Fault::DamagedDates) { damaged } else { month_first };
    for entry in scene.entries(Population::Planned1) {
        let (project, schedule) = Project::planned(scene, entry);
        let mut cells = vec![
            project.type_name.to_owned(),
            project.nameplate(),
            in_service(&schedule),
            NULL.to_owned(),
            project.id.to_string(),
            schedule.completion.map_or_else(|| NULL.to_owned(), write_date),
            project.circuit_ref.clone(),
            project.hybrid.to_owned(),
        ];
        cells.extend(project.technologies());
        sheet.row(&cells)?;
    }
    Ok(())
}

fn in_service(schedule: &ProjectDates) -> String {
    schedule.in_service.map_or_else(|| schedule.in_service_words.to_owned(), month_first)
}
