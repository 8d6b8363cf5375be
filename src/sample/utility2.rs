//! The second utility: a row for each feeder in MW, DERs in kW, `null` in words, most planned DERs installed already.

use std::io;

use super::dice::Dice;
use super::faults::{self, Fault};
use super::scene::{Entry, Population, Scene};
use super::sheet::Sheet;
use super::text::{Hundredths, Notation, band, day_in, later, month_first};
use crate::model::Day;

const NULL: &str = "null";
const MAP_COLORS: [&str; 8] = ["brown", "red", "yellow", "green", "turquoise", "light blue", "blue", "dark blue"];
const TYPES: [(u32, &str); 9] = [
    (955, "Solar"),
    (12, "Wind"),
    (7, "Hydro"),
    (6, "Natural Gas"),
    (5, "Steam"),
    (6, "Battery Add-On"),
    (4, "Bio Gas"),
    (3, "Other"),
    (2, "Geo-Thermal"),
];

/// Feeders; one of them slips from megawatts to kilowatts.
pub(super) fn circuits(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    sheet.row(&[
        "Master_CDF",
        "feeder_voltage",
        "feeder_max_hc",
        "feeder_min_hc",
        "feeder_dg_connected_since_refresh",
        "hca_refresh_date",
        "color",
        "shape_length",
    ])?;
    for entry in scene.entries(Population::Feeders2) {
        let slips = scene.has(Fault::UnitSlip) && entry.index == faults::UNIT_SLIP_ROW;
        sheet.row(&feeder_cells(scene, entry, if slips { 1000 } else { 1 }))?;
    }
    Ok(())
}

fn feeder_cells(scene: &Scene, entry: Entry, slip: u32) -> Vec<String> {
    let mut dice = scene.making(entry);
    let id = feeder_id(&mut dice, entry.index);
    let voltage_kv = dice.weighted(&[(49, "13.2"), (35, "4.16"), (15, "4.8"), (1, "2.4")]);
    let mut max_mw = capacity_mw(&mut dice);
    let min_percent = dice.weighted(&[(40, 0), (30, 5), (20, 20), (10, 60)]);
    let connected_mw = Hundredths(if dice.percent(30) { dice.between(1, 90) } else { 0 });
    let length = format!("{}.{:09}", dice.below(3), dice.below(1_000_000_000));
    let mut notation = scene.notation(entry);
    for mut change in scene.changes(entry) {
        max_mw = Hundredths(change.between(20, 1000));
    }
    // The feeder that slips is the same in every month but for its slip.
    if entry.index == faults::UNIT_SLIP_ROW {
        (max_mw, notation) = (Hundredths(431), Notation::Plain);
    }
    let analysed_on = scene.month.day(1).to_string().replace('-', "/");
    vec![
        id,
        voltage_kv.to_owned(),
        Hundredths(max_mw.0 * slip).text('.', notation),
        max_mw.percent(min_percent).text('.', Notation::Plain),
        connected_mw.text('.', Notation::Plain),
        format!("{analysed_on} 00:00:00+00"),
        MAP_COLORS[band(max_mw)].to_owned(),
        length,
    ]
}

fn capacity_mw(dice: &mut Dice) -> Hundredths {
    match dice.below(10) {
        0 | 1 => Hundredths(0),
        2 => Hundredths(dice.between(1, 10) * 10),
        3..6 => Hundredths(dice.between(150, 300)),
        _ => Hundredths(dice.between(50, 1000)),
    }
}

/// `36_13_81756`: region, area, feeder; the first roll of a feeder's dice belongs to it.
fn feeder_id(dice: &mut Dice, index: u32) -> String {
    let number = 1200 + u64::from(index / 40) * 97 + u64::from(dice.below(97));
    format!("36_{:02}_{number}", 1 + index % 40)
}

/// Installed DERs.
pub(super) fn install_der(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    sheet.row(&[
        "DER_ID",
        "SERVICE_STREET_ADDRESS",
        "DER_TYPE",
        "DER_NAMEPLATE_RATING",
        "DER_INTERCONNECTION_LOCATION",
        "INTERCONNECTION_COST",
    ])?;
    for entry in scene.entries(Population::Installed2) {
        let mut unit = installed(scene, entry.index);
        let mut cost_usd = unit.cost_usd;
        for mut change in scene.changes(entry) {
            if change.percent(70) {
                unit.nameplate_kw = unit.nameplate_kw.percent(change.other_percent());
            } else {
                cost_usd += change.between(1, 40) * 50;
            }
        }
        sheet.row(&[
            unit.id.to_string(),
            NULL.to_owned(),
            unit.type_name.to_owned(),
            unit.nameplate_kw.text('.', scene.notation(entry)),
            unit.feeder_ref,
            cost_usd.to_string(),
        ])?;
    }
    Ok(())
}

/// A DER as it was first stated.
struct Installation {
    id: u64,
    type_name: &'static str,
    nameplate_kw: Hundredths,
    feeder_ref: String,
    cost_usd: u32,
}

fn installed(scene: &Scene, index: u32) -> Installation {
    let mut dice = scene.making(scene.entry(Population::Installed2, index));
    unit(scene, &mut dice, 85_000 + u64::from(index) * 20)
}

fn unit(scene: &Scene, dice: &mut Dice, id_from: u64) -> Installation {
    let id = id_from + u64::from(dice.below(10));
    let type_name = dice.weighted(&TYPES);
    let nameplate_kw = match (type_name, dice.below(100)) {
        ("Solar", 0..93) => {
            Hundredths(if dice.percent(40) { dice.between(2, 25) * 100 } else { dice.between(200, 2500) / 2 * 2 })
        }
        ("Battery Add-On", _) => Hundredths::whole(dice.between(5, 30)),
        _ => Hundredths::whole(dice.between(5, 500) * 10),
    };
    let cost_usd = if dice.percent(96) { 0 } else { dice.pick(&[350, 750, 3650, 4150, 4850, 6950]) };
    Installation { id, type_name, nameplate_kw, feeder_ref: feeder_ref(scene, dice), cost_usd }
}

fn feeder_ref(scene: &Scene, dice: &mut Dice) -> String {
    let index = dice.below(scene.size(Population::Feeders2));
    match dice.below(100) {
        0 => NULL.to_owned(),
        1 | 2 => format!("36_{}_{}", dice.between(41, 60), dice.between(1000, 9999)),
        _ => feeder_id(&mut scene.making(scene.entry(Population::Feeders2, index)), index),
    }
}

/// Planned DERs; in one month three of ten rows are missing.
pub(super) fn planned_der(scene: &Scene, sheet: &mut Sheet) -> io::Result<()> {
    sheet.row(&[
        "DER_TYPE",
        "DER_NAMEPLATE_RATING",
        "INVERTER_NAMEPLATE_RATING",
        "PLANNED_INSTALLATION_DATE",
        "DER_STATUS",
        "DER_STATUS_RATIONALE",
        "TOTAL_MW_FOR_SUBSTATION",
        "INTERCONNECTION_QUEUE_REQUEST_ID",
        "INTERCONNECTION_QUEUE_POSITION",
        "DER_INTERCONNECTION_LOCATION",
    ])?;
    let thin = scene.has(Fault::ThinDelivery);
    for entry in scene.entries(Population::Planned2).filter(|entry| !(thin && faults::is_thinned(entry.index))) {
        sheet.row(&planned_cells(scene, entry))?;
    }
    Ok(())
}

fn planned_cells(scene: &Scene, entry: Entry) -> Vec<String> {
    let mut dice = scene.making(entry);
    // Four of five requests are for a DER that is listed as installed, under the same id.
    let mut request = match entry.index % 5 {
        0 => unit(scene, &mut dice, 85_010 + u64::from(entry.index) * 20),
        _ => installed(scene, entry.index - entry.index / 5 - 1),
    };
    let queued_on = day_in(&mut dice, 2013, 2021);
    let (hour, minute) = if dice.percent(60) { (5, 0) } else { (dice.between(8, 19), dice.below(60)) };
    let mut planned_for = planned_day(&mut dice, queued_on);
    let has_total = dice.percent(88);
    for mut change in scene.changes(entry) {
        if change.percent(50) {
            request.nameplate_kw = request.nameplate_kw.percent(change.other_percent());
        } else {
            planned_for = Some(later(planned_for.unwrap_or(scene.first.day(28)), change.between(14, 300)));
        }
    }
    let null = || NULL.to_owned();
    vec![
        request.type_name.to_owned(),
        request.nameplate_kw.text('.', scene.notation(entry)),
        null(),
        planned_for.map(month_first).unwrap_or_default(),
        null(),
        null(),
        if has_total { request.nameplate_kw.text('.', Notation::Plain) } else { String::new() },
        request.id.to_string(),
        format!("{} {hour}:{minute:02}", month_first(queued_on)),
        request.feeder_ref,
    ]
}

fn planned_day(dice: &mut Dice, queued_on: Day) -> Option<Day> {
    let after = dice.between(20, 900);
    dice.percent(35).then(|| later(queued_on, after))
}
