//! The third utility: semicolons, decimal commas, day-first dates, everything in kW, `-` for nothing, whole snapshots.

use std::io;

use super::dice::Dice;
use super::faults::Fault;
use super::scene::{Entry, Population, Scene};
use super::sheet::Sheet;
use super::text::{Hundredths, Notation, band, day_first, day_in, later};

const NOTHING: &str = "-";
const MAP_BANDS: [&str; 8] = ["A Brown", "B Red", "C Yellow", "D Green", "E Turquoise", "F Light Blue", "G Blue", "H Dark Blue"];
const KINDS: [(u32, &str); 8] =
    [(700, "PV"), (90, "PV+BESS"), (70, "BESS"), (45, "WT"), (35, "CHP"), (30, "HYD"), (20, "BIO"), (10, "FC")];

/// Feeders; the voltage's column is renamed in one month.
pub(super) fn circuits(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    let voltage = if scene.has(Fault::RenamedColumn) { "Nominal Voltage" } else { "Voltage kV" };
    sheet.row(&[
        "Feeder No",
        "Substation",
        voltage,
        "Hosting Max kW",
        "Hosting Min kW",
        "Analysis Date",
        "Map Band",
        "Line Length km",
        "Remarks",
    ])?;
    for entry in present(scene, Population::Feeders3) {
        sheet.row(&feeder_cells(scene, entry))?;
    }
    Ok(())
}

/// The records that have not vanished.
fn present(scene: &Scene, population: Population) -> impl Iterator<Item = Entry> {
    scene.entries(population).filter(|entry| !scene.is_gone(*entry))
}

fn feeder_cells(scene: &Scene, entry: Entry) -> Vec<String> {
    let mut dice = scene.making(entry);
    let voltage_kv = dice.weighted(&[(50, "11,5"), (30, "13,2"), (15, "4,16"), (5, "34,5")]);
    let mut max_kw = Hundredths(dice.between(500, 99_000) * 10);
    let min_percent = dice.between(2, 30);
    let length_km = Hundredths(dice.between(80, 4200));
    let remark = dice.weighted(&[(85, NOTHING), (10, "voltage limit"), (5, "protection limit")]);
    for mut change in scene.changes(entry) {
        max_kw = max_kw.percent(change.other_percent());
    }
    vec![
        feeder_id(entry.index),
        substation(entry.index),
        voltage_kv.to_owned(),
        max_kw.text(',', scene.notation(entry)),
        max_kw.percent(min_percent).text(',', Notation::Plain),
        day_first(scene.month.previous().day(20)),
        // A hundredth of a megawatt is a thousand hundredths of a kilowatt.
        MAP_BANDS[band(Hundredths(max_kw.0 / 1000))].to_owned(),
        length_km.text(',', Notation::Plain),
        remark.to_owned(),
    ]
}

/// `NW-1204`: area, substation, feeder.
fn feeder_id(index: u32) -> String {
    format!("{}{:02}", substation(index), 1 + index / 4 % 4)
}

fn substation(index: u32) -> String {
    let area = ["NW", "NE", "SW", "SE"][index as usize % 4];
    format!("{area}-{}", 10 + index / 16)
}

/// Installed DERs.
pub(super) fn install_der(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    sheet.row(&["Unit No", "Feeder No", "Kind", "Rating kW", "Connection Cost USD", "Site Address"])?;
    for entry in present(scene, Population::Installed3) {
        let mut dice = scene.making(entry);
        let kind = dice.weighted(&KINDS);
        let mut rating_kw = rating_kw(&mut dice, kind);
        let feeder_ref = feeder_ref(scene, &mut dice);
        let cost_usd = Hundredths(dice.between(2000, 90_000) * 10);
        let address = if dice.percent(15) { NOTHING.to_owned() } else { format!("{} Sample Street", dice.between(1, 240)) };
        for mut change in scene.changes(entry) {
            rating_kw = rating_kw.percent(change.other_percent());
        }
        sheet.row(&[
            format!("U{:05}", 20_000 + u64::from(entry.index) * 3),
            feeder_ref,
            kind.to_owned(),
            rating_kw.text(',', scene.notation(entry)),
            cost_usd.text(',', Notation::Plain),
            address,
        ])?;
    }
    Ok(())
}

fn rating_kw(dice: &mut Dice, kind: &str) -> Hundredths {
    match kind {
        "PV" if dice.percent(85) => Hundredths(dice.between(20, 180) * 10),
        "PV+BESS" | "BESS" => Hundredths(dice.between(50, 300) * 10),
        _ => Hundredths(dice.between(500, 30_000) * 10),
    }
}

/// A feeder, a transmission line, a feeder that is in no file, or nothing.
fn feeder_ref(scene: &Scene, dice: &mut Dice) -> String {
    let index = dice.below(scene.size(Population::Feeders3));
    match dice.below(100) {
        0..95 => feeder_id(index),
        95 => format!("TL-{}", dice.between(1, 40)),
        96 | 97 => format!("XX-{}", dice.between(1000, 1999)),
        _ => NOTHING.to_owned(),
    }
}

/// Planned DERs.
pub(super) fn planned_der(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    sheet.row(&["Request No", "Feeder No", "Kind", "Rating kW", "Inverter kW", "Due Date", "Queue Time", "Stage"])?;
    for entry in present(scene, Population::Planned3) {
        sheet.row(&planned_cells(scene, entry))?;
    }
    Ok(())
}

fn planned_cells(scene: &Scene, entry: Entry) -> Vec<String> {
    let mut dice = scene.making(entry);
    let kind = dice.weighted(&KINDS);
    let mut rating_kw = rating_kw(&mut dice, kind);
    let feeder_ref = feeder_ref(scene, &mut dice);
    let has_inverter = matches!(kind, "PV" | "PV+BESS" | "BESS");
    let mut due = day_in(&mut dice, 2022, 2024);
    let queued_on = day_in(&mut dice, 2019, 2021);
    let (hour, minute) = (dice.between(7, 18), dice.below(60));
    let stage = dice.weighted(&[(40, "Study"), (30, "Approved"), (20, "Construction"), (10, NOTHING)]);
    for mut change in scene.changes(entry) {
        if change.percent(50) {
            rating_kw = rating_kw.percent(change.other_percent());
        } else {
            due = later(due, change.between(14, 300));
        }
    }
    vec![
        format!("R{:05}", 50_000 + u64::from(entry.index) * 7),
        feeder_ref,
        kind.to_owned(),
        rating_kw.text(',', scene.notation(entry)),
        if has_inverter { rating_kw.percent(96).text(',', Notation::Plain) } else { NOTHING.to_owned() },
        day_first(due),
        format!("{} {hour:02}:{minute:02}", day_first(queued_on)),
        stage.to_owned(),
    ]
}
