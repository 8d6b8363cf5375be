//! Feeders, their circuits, and the circuits' segments.

use super::super::dice::Dice;
use super::super::scene::{Entry, Population, Scene};
use super::super::text::{Hundredths, Notation, band};
use super::NULL;
use crate::model::Day;

/// The columns of the circuits file.
pub(super) const HEADER: [&str; 17] = [
    "",
    "Circuits_Phase3_CIRCUIT",
    "Circuits_Phase3_NUMPHASES",
    "Circuits_Phase3_OVERUNDER",
    "Circuits_Phase3_PHASE",
    "NYHCPV_csv_NSECTION",
    "NYHCPV_csv_NFEEDER",
    "NYHCPV_csv_NVOLTAGE",
    "NYHCPV_csv_NMAXHC",
    "NYHCPV_csv_NMAPCOLOR",
    "NYHCPV_csv_FFEEDER",
    "NYHCPV_csv_FVOLTAGE",
    "NYHCPV_csv_FMAXHC",
    "NYHCPV_csv_FMINHC",
    "NYHCPV_csv_FHCADATE",
    "NYHCPV_csv_FNOTES",
    "Shape_Length",
];

const MAP_COLORS: [&str; 8] = [
    "0.00 TO 0.29 BROWN-953736",
    "0.30 TO 0.49 RED-FF0000",
    "0.50 TO 0.99 YELLOW-FFFF00",
    "1.00 TO 1.49 GREEN-92D050",
    "1.50 TO 1.99 TURQUOISE-33CCCC",
    "2.00 TO 2.99 LIGHT BLUE-00B0F0",
    "3.00 TO 4.99 BLUE-0070C0",
    "5.00 TO 10.00 DARK BLUE-002060",
];

const DIVISIONS: [&str; 5] = ["11", "12", "24", "43", "81"];

/// A stretch of a circuit.
pub(super) struct Segment {
    row: u32,
    circuit_id: String,
    phases: (&'static str, &'static str),
    overhead_or_underground: &'static str,
    max_mw: Hundredths,
    length: String,
    feeder: Feeder,
    notation: Notation,
}

impl Segment {
    /// The segment as it is in the scene's month.
    pub(super) fn at(scene: &Scene, entry: Entry) -> Self {
        let mut dice = scene.making(entry);
        let circuits = scene.size(Population::Circuits1);
        let any_circuit = dice.below(circuits);
        // Every circuit has a segment, and its first one takes all that the feeder can.
        let leads = entry.index < circuits;
        let circuit = if leads { entry.index } else { any_circuit };
        let mut share = if leads { 1000 } else { dice.below(1001) };
        let phases =
            dice.weighted(&[(33, ("3", "ABC")), (17, ("1", "A")), (17, ("1", "B")), (16, ("2", "AC")), (17, ("0", " "))]);
        let overhead_or_underground = dice.pick(&["O", "U"]);
        let length = shape_length(&mut dice);
        for mut change in scene.changes(entry) {
            share = if leads { share } else { change.below(1001) };
        }
        let feeder = Feeder::at(scene, feeder_of(scene, circuit));
        Self {
            row: entry.index,
            circuit_id: circuit_id(scene, circuit),
            phases,
            overhead_or_underground,
            max_mw: Hundredths(feeder.min_mw.0 + (feeder.max_mw.0 - feeder.min_mw.0) * share / 1000),
            length,
            feeder,
            notation: scene.notation(entry),
        }
    }

    /// Its row in the file.
    pub(super) fn cells(&self) -> Vec<String> {
        let feeder = &self.feeder;
        vec![
            self.row.to_string(),
            self.circuit_id.clone(),
            self.phases.0.to_owned(),
            self.overhead_or_underground.to_owned(),
            self.phases.1.to_owned(),
            (200_000_064 + u64::from(self.row)).to_string(),
            feeder.id.clone(),
            feeder.voltage_kv.to_owned(),
            self.max_mw.text('.', self.notation),
            MAP_COLORS[band(self.max_mw)].to_owned(),
            feeder.id.clone(),
            feeder.voltage_kv.to_owned(),
            feeder.max_mw.text('.', Notation::Plain),
            feeder.min_mw.text('.', Notation::Plain),
            format!("{} 00:00:00", feeder.analysed_on),
            feeder.notes.to_owned(),
            self.length.clone(),
        ]
    }
}

struct Feeder {
    id: String,
    voltage_kv: &'static str,
    max_mw: Hundredths,
    min_mw: Hundredths,
    analysed_on: Day,
    notes: &'static str,
}

impl Feeder {
    fn at(scene: &Scene, index: u32) -> Self {
        let entry = scene.entry(Population::Feeders1, index);
        let mut dice = scene.making(entry);
        let voltage_kv = dice.weighted(&[(27, "13.2"), (22, "4.16"), (20, "4.8"), (17, "12.47"), (14, "34.5")]);
        let min_mw = Hundredths(dice.between(2, 40));
        let mut max_mw = Hundredths(dice.between(40, 1000));
        let notes = if index % 16 == 3 { "\"Radial, no backfeed\"" } else { NULL };
        for mut change in scene.changes(entry) {
            max_mw = Hundredths(change.between(40, 1000));
        }
        // Some feeders are left out of each month's analysis.
        let analysed_on =
            if index % 12 == 5 { scene.first.previous().previous().day(30) } else { scene.month.previous().day(15) };
        Self { id: feeder_id(scene, index), voltage_kv, max_mw, min_mw, analysed_on, notes }
    }
}

/// The feeder that supplies a circuit: its own, or, for those beyond the number of feeders, one that has a circuit already.
fn feeder_of(scene: &Scene, circuit: u32) -> u32 {
    let feeders = scene.size(Population::Feeders1);
    circuit.checked_sub(feeders).map_or(circuit, |extra| extra * 3 % feeders)
}

/// The feeder's id: division, substation, number.
pub(super) fn feeder_id(scene: &Scene, index: u32) -> String {
    let number = scene.making(scene.entry(Population::Feeders1, index)).between(1, 60);
    network_id(index, number)
}

/// The circuit's id: mostly that of its feeder.
pub(super) fn circuit_id(scene: &Scene, circuit: u32) -> String {
    let feeder = feeder_of(scene, circuit);
    let mut dice = scene.making(scene.entry(Population::Circuits1, circuit));
    match (circuit == feeder, circuit % 4) {
        (true, 1) => network_id(feeder, dice.between(61, 79)),
        (true, _) => feeder_id(scene, feeder),
        (false, _) => network_id(feeder, dice.between(80, 99)),
    }
}

fn network_id(feeder: u32, number: u32) -> String {
    let division = DIVISIONS[feeder as usize % DIVISIONS.len()];
    let substation = 10 + feeder / DIVISIONS.len() as u32;
    format!("{division}{substation:03}{number:02}")
}

/// `2.425070E-04`
fn shape_length(dice: &mut Dice) -> String {
    let digits = dice.between(1_000_000, 9_999_999);
    format!("{}.{:06}E-0{}", digits / 1_000_000, digits % 1_000_000, dice.between(3, 5))
}
