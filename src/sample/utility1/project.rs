//! A DER of the first utility: its type in one word, its rating by technology.

use super::super::dice::Dice;
use super::super::faults;
use super::super::scene::{Entry, Population, Scene};
use super::super::text::{Hundredths, Notation, day_in, later};
use super::NULL;
use super::network::{circuit_id, feeder_id};
use crate::model::Day;

/// The columns that hold one technology's rating in kW.
pub(super) const TECHNOLOGIES: [&str; 14] = [
    "SolarPV",
    "EnergyStorageSystem",
    "Wind",
    "MicroTurbine",
    "SynchronousGenerator",
    "InductionGenerator",
    "FarmWaste",
    "FuelCell",
    "CombinedHeatandPower",
    "GasTurbine",
    "Hydro",
    "InternalCombustionEngine",
    "SteamTurbine",
    "Other",
];

const SOLAR: usize = 0;
const STORAGE: usize = 1;
const WIND: usize = 2;
const FARM_WASTE: usize = 6;
const COMBINED_HEAT: usize = 8;
const HYDRO: usize = 10;

/// A project type and the technologies it is built of, with the range of their ratings in kW.
#[derive(Clone, Copy)]
struct Sort {
    name: &'static str,
    parts: &'static [(usize, u32, u32)],
}

const RESPHOTO: Sort = Sort { name: "RESPHOTO", parts: &[(SOLAR, 2, 15)] };
const NRESPHOTO: Sort = Sort { name: "NRESPHOTO", parts: &[(SOLAR, 100, 5000)] };
const PVESS: Sort = Sort { name: "PVESS", parts: &[(SOLAR, 4, 20), (STORAGE, 5, 25)] };
const PVWIND: Sort = Sort { name: "PVWind", parts: &[(SOLAR, 2, 24), (WIND, 3, 24)] };
const WINDESS: Sort = Sort { name: "WindESS", parts: &[(WIND, 100, 2000), (STORAGE, 50, 1000)] };
const ESS: Sort = Sort { name: "ESS", parts: &[(STORAGE, 5, 14)] };
const RESWIND: Sort = Sort { name: "RESWIND", parts: &[(WIND, 1, 10)] };
const COMWIND: Sort = Sort { name: "COMWIND", parts: &[(WIND, 9000, 40000)] };
const CHP: Sort = Sort { name: "CHP", parts: &[(COMBINED_HEAT, 60, 900)] };
const HYDRO_PLANT: Sort = Sort { name: "HYDRO", parts: &[(HYDRO, 80, 3000)] };
const FARMWASTE: Sort = Sort { name: "FARMWASTE", parts: &[(FARM_WASTE, 100, 600)] };
// These two state no technology: they feed into a transmission line.
const COMSOLAR: Sort = Sort { name: "ComSolar", parts: &[] };
const TRANSMISSION: Sort = Sort { name: "Transmission", parts: &[] };
const UNNAMED: Sort = Sort { name: NULL, parts: &[(SOLAR, 100, 5000)] };

const INSTALLED: [(u32, Sort); 10] = [
    (800, RESPHOTO),
    (100, NRESPHOTO),
    (35, PVESS),
    (12, RESWIND),
    (12, CHP),
    (10, PVWIND),
    (12, ESS),
    (8, HYDRO_PLANT),
    (6, FARMWASTE),
    (5, TRANSMISSION),
];

const PLANNED: [(u32, Sort); 10] = [
    (450, NRESPHOTO),
    (330, RESPHOTO),
    (95, PVESS),
    (35, COMSOLAR),
    (30, ESS),
    (18, TRANSMISSION),
    (12, COMWIND),
    (10, WINDESS),
    (10, UNNAMED),
    (10, CHP),
];

/// A DER as it is in one month.
pub(super) struct Project {
    pub(super) id: u64,
    pub(super) type_name: &'static str,
    pub(super) circuit_ref: String,
    pub(super) hybrid: &'static str,
    /// Charges and estimates in USD, as written.
    pub(super) charges: [String; 4],
    nameplate_kw: Hundredths,
    technologies_kw: [Hundredths; TECHNOLOGIES.len()],
    notation: Notation,
}

/// When a planned DER is to be ready, and when its study was completed.
pub(super) struct ProjectDates {
    pub(super) in_service: Option<Day>,
    /// What stands in place of a date.
    pub(super) in_service_words: &'static str,
    pub(super) completion: Option<Day>,
}

impl Project {
    /// An installed DER.
    pub(super) fn installed(scene: &Scene, entry: Entry) -> Self {
        let mut dice = scene.making(entry);
        let rolled = dice.weighted(&INSTALLED);
        // The record that occurs twice is a home with panels, whatever the seed.
        let sort = if entry.index == faults::DUPLICATE_ROW { RESPHOTO } else { rolled };
        let id = 1000 + u64::from(entry.index) * 40 + u64::from(dice.below(20));
        let mut project = Self::new(scene, &mut dice, id, sort);
        for mut change in scene.changes(entry) {
            project.rerate(change.other_percent());
        }
        project.notation = scene.notation(entry);
        project
    }

    /// A planned DER.
    pub(super) fn planned(scene: &Scene, entry: Entry) -> (Self, ProjectDates) {
        let mut dice = scene.making(entry);
        let sort = dice.weighted(&PLANNED);
        let id = 10_020 + u64::from(entry.index) * 40 + u64::from(dice.below(20));
        let mut project = Self::new(scene, &mut dice, id, sort);
        let mut schedule = ProjectDates {
            in_service: dice.percent(10).then(|| day_in(&mut dice, 2022, 2024)),
            in_service_words: dice.weighted(&[(91, NULL), (4, "On Hold"), (3, "ASAP"), (2, "Q3 2022")]),
            completion: dice.percent(73).then(|| day_in(&mut dice, 2019, 2021)),
        };
        for mut change in scene.changes(entry) {
            if change.percent(50) {
                project.rerate(change.other_percent());
            } else {
                let from = schedule.in_service.unwrap_or_else(|| scene.first.day(1));
                schedule.in_service = Some(later(from, change.between(30, 400)));
            }
        }
        project.notation = scene.notation(entry);
        (project, schedule)
    }

    fn new(scene: &Scene, dice: &mut Dice, id: u64, sort: Sort) -> Self {
        let mut technologies_kw = [Hundredths(0); TECHNOLOGIES.len()];
        for (technology, low_kw, high_kw) in sort.parts {
            technologies_kw[*technology] = rating_kw(dice, *low_kw, *high_kw);
        }
        let mut nameplate_kw = sum(&technologies_kw);
        if sort.name == COMSOLAR.name {
            nameplate_kw = Hundredths::whole(dice.between(200, 1200) * 100);
        } else if dice.percent(2) {
            // The nameplate of some differs from the sum of their technologies.
            nameplate_kw = nameplate_kw.percent(90);
        }
        Self {
            id,
            type_name: sort.name,
            circuit_ref: if sort.parts.is_empty() { transmission_ref(dice) } else { circuit_ref(scene, dice) },
            hybrid: if sort.parts.len() > 1 && dice.percent(65) { "Y" } else { "N" },
            charges: charges(dice, nameplate_kw),
            nameplate_kw,
            technologies_kw,
            notation: Notation::Plain,
        }
    }

    /// Changes every rating to so many percent of it.
    pub(super) fn rerate(&mut self, percent: u32) {
        for rating_kw in &mut self.technologies_kw {
            *rating_kw = rating_kw.percent(percent);
        }
        let sum = sum(&self.technologies_kw);
        self.nameplate_kw = if sum.0 > 0 { sum } else { self.nameplate_kw.percent(percent) };
    }

    /// The nameplate's cell, in kW.
    pub(super) fn nameplate(&self) -> String {
        self.nameplate_kw.text('.', self.notation)
    }

    /// The cells of the technologies, in kW.
    pub(super) fn technologies(&self) -> impl Iterator<Item = String> {
        self.technologies_kw.iter().map(|rating_kw| rating_kw.text('.', Notation::Plain))
    }
}

fn sum(ratings: &[Hundredths]) -> Hundredths {
    Hundredths(ratings.iter().map(|rating| rating.0).sum())
}

/// Small ratings have a decimal or two, large ones are round.
fn rating_kw(dice: &mut Dice, low: u32, high: u32) -> Hundredths {
    if high > 50 {
        Hundredths::whole(dice.between(low / 10, high / 10) * 10)
    } else if dice.percent(70) {
        Hundredths(dice.between(low * 10, high * 10) * 10)
    } else {
        Hundredths(dice.between(low * 100, high * 100))
    }
}

/// A circuit, a feeder, something that is in no file, or nothing.
fn circuit_ref(scene: &Scene, dice: &mut Dice) -> String {
    let circuit = dice.below(scene.size(Population::Circuits1));
    let feeder = dice.below(scene.size(Population::Feeders1));
    let (line, branch) = (dice.between(1, 140), dice.between(280, 5200));
    match dice.below(100) {
        0..85 => circuit_id(scene, circuit),
        85..92 => feeder_id(scene, feeder),
        92..96 => format!("{line:04}RO{branch:04}"),
        96 => format!("T{line}"),
        97 => "na".to_owned(),
        _ => NULL.to_owned(),
    }
}

fn transmission_ref(dice: &mut Dice) -> String {
    let line = dice.between(100, 1200);
    match dice.below(4) {
        0 => "TRANSMISSION".to_owned(),
        1 => NULL.to_owned(),
        _ => format!("T{line}"),
    }
}

/// Study, construction and estimates: stated for some of the larger ones.
fn charges(dice: &mut Dice, nameplate_kw: Hundredths) -> [String; 4] {
    let null = || NULL.to_owned();
    if nameplate_kw < Hundredths::whole(50) || dice.percent(60) {
        let estimate = if dice.percent(4) { "0".to_owned() } else { null() };
        return [null(), null(), estimate.clone(), estimate];
    }
    let dollars = |dice: &mut Dice, low, high| format!("{}.{:04}", dice.between(low, high), dice.between(1000, 9999));
    let study = if dice.percent(40) { dollars(dice, 1500, 5500) } else { null() };
    let construction = if dice.percent(70) { dollars(dice, 9000, 400_000) } else { null() };
    let estimate = dice.pick(&["5000", "3000", "2500", "1500"]).to_owned();
    [study, construction, estimate, (dice.between(2, 300) * 1000).to_string()]
}
