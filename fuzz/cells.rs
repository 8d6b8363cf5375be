//! Random cells, read by this program and by plain readers beside it: numbers, dates, ids, words that say nothing.
//!
//! Made from cells as utilities write them, of which some characters are damaged. `FEEDERSCOPE_FUZZ=10000000 cargo test --release
//! --lib fuzz` reads so many cells of each kind; the tests read some thousands. The readers beside it are regular expressions with a
//! calendar and a float parser that have nothing to do with the engine's.

use jiff::civil::Date;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

/// Cells that are read in one call of the engine.
const BLOCK: usize = 1000;

fn die(dice: &mut ChaCha8Rng, sides: usize) -> usize {
    (dice.next_u64() % sides as u64) as usize
}

fn pick<'a>(dice: &mut ChaCha8Rng, words: &[&'a str]) -> &'a str {
    words[die(dice, words.len())]
}

/// The cell with up to two characters taken out or put in, mostly none.
fn damaged(dice: &mut ChaCha8Rng, cell: &str, pieces: &[&str]) -> String {
    let mut cell: Vec<char> = cell.chars().collect();
    for _ in 0..die(dice, 5).saturating_sub(2) {
        let at = die(dice, cell.len() + 1);
        if die(dice, 3) == 0 && at < cell.len() {
            cell.remove(at);
        } else {
            cell.splice(at..at, pick(dice, pieces).chars());
        }
    }
    cell.into_iter().collect()
}

/// As many cells as wanted, of which this is one of some parts, in blocks; each block goes through `check`.
fn cells(parts: usize, make: impl Fn(&mut ChaCha8Rng) -> String, mut check: impl FnMut(&[String], Column)) {
    let count: usize = std::env::var("FEEDERSCOPE_FUZZ").ok().and_then(|cells| cells.parse().ok()).unwrap_or(20_000);
    let seed = std::env::var("FEEDERSCOPE_FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    for _ in 0..count.div_ceil(parts).div_ceil(BLOCK) {
        let mut block: Vec<String> = Vec::with_capacity(BLOCK);
        while block.len() < BLOCK {
            // Equal cells that follow one another are read once.
            let cell = if die(&mut dice, 4) == 0 { block.last().cloned() } else { None };
            block.push(cell.unwrap_or_else(|| make(&mut dice)));
        }
        let column = Column::new("cell".into(), &block);
        check(&block, column);
    }
}

fn word(text: &str) -> Column {
    Column::new("word".into(), [text])
}

fn number(number: i32) -> Column {
    Column::new("number".into(), [number])
}

#[test]
fn numbers_are_what_a_float_parser_reads_without_the_groups() {
    let make = |dice: &mut ChaCha8Rng| {
        let whole = match die(dice, 4) {
            0 => (dice.next_u64() % 1000).to_string(),
            1 => format!("{},{:03}", 1 + dice.next_u64() % 999, dice.next_u64() % 1000),
            2 => format!("{}.{:03}.{:03}", 1 + dice.next_u64() % 999, dice.next_u64() % 1000, dice.next_u64() % 1000),
            _ => (dice.next_u64() % 10_u64.pow(1 + die(dice, 18) as u32)).to_string(),
        };
        let fraction = match die(dice, 3) {
            0 => String::new(),
            _ => format!("{}{}", pick(dice, &[".", ","]), dice.next_u64() % 10_u64.pow(1 + die(dice, 12) as u32)),
        };
        let cell =
            format!("{}{whole}{fraction}{}", pick(dice, &["", "", "", "-", "+"]), pick(dice, &["", "", "", "e3", "E-2", "e17"]));
        damaged(dice, &cell, &[".", ",", "-", "+", "e", "E", " ", "\u{a0}", "0", "7", "_", "MW", "nan", "inf", "%", "٣", "x"])
    };
    for (marks, decimal, group) in [
        (".", ".", None),
        (".,", ".", Some(",")),
        (",", ",", None),
        (",.", ",", Some(".")),
        (". ", ".", Some("[ \u{a0}\u{202f}]")),
    ] {
        let decimal = regex::escape(decimal);
        let whole = group.map_or("[0-9]*".to_owned(), |group| {
            let group = if group.starts_with('[') { group.to_owned() } else { regex::escape(group) };
            format!("(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]*)")
        });
        let notation = Regex::new(&format!("^([+-]?)({whole})(?:{decimal}([0-9]*))?(?:[eE]([+-]?[0-9]+))?$")).unwrap();
        for exponent in [0, -3, 6] {
            let beside = |cell: &str| {
                let parts = notation.captures(cell)?;
                let digits: String = parts[2].chars().filter(char::is_ascii_digit).collect();
                let fraction = parts.get(3).map_or("", |fraction| fraction.as_str());
                if digits.is_empty() && fraction.is_empty() {
                    return None;
                }
                let power: i64 = parts.get(4).map_or(Some(0), |power| power.as_str().parse().ok())?;
                let read = |power: i64| format!("{}{digits}.{fraction}e{power}", &parts[1]).parse::<f64>().unwrap() + 0.0;
                (read(power).abs() < 1e15).then(|| read(power + i64::from(exponent)))
            };
            let mut read = 0;
            cells(15, make, |block, column| {
                let numbers = read_number(&mut [column, number(exponent), word(marks)]).unwrap();
                for (cell, value) in block.iter().zip(numbers.f64().unwrap().iter()) {
                    let expected = beside(cell);
                    assert_eq!(
                        value.map(f64::to_bits),
                        expected.map(f64::to_bits),
                        "{cell:?} with {marks:?}: {value:?}, not {expected:?}"
                    );
                    read += usize::from(value.is_some());
                }
                assert!(read > 0);
            });
        }
    }
}

/// A notation, what fits it from end to end, and where year, month, day, time and offset stand in that.
struct Notation {
    format: &'static str,
    fits: Regex,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

impl Notation {
    fn all() -> Vec<Self> {
        let (two, four) = ("[0-9]{1,2}", "[0-9]{4}");
        [
            ("%Y-%m-%d", format!("^(?<Y>{four})-(?<m>{two})-(?<d>{two})$")),
            ("%m/%d/%Y", format!("^(?<m>{two})/(?<d>{two})/(?<Y>{four})$")),
            ("%d.%m.%Y", format!("^(?<d>{two})\\.(?<m>{two})\\.(?<Y>{four})$")),
            ("%Y%m%d", "^(?<Y>[0-9]{4})(?<m>[0-9]{2})(?<d>[0-9]{2})$".to_owned()),
            ("%m/%e/%Y", format!("^(?<m>{two})/(?<d> ?{two})/(?<Y>{four})$")),
            ("%m/%d/%y", format!("^(?<m>{two})/(?<d>{two})/(?<y>[0-9]{{2}})$")),
            ("%d-%b-%Y", format!("(?i)^(?<d>{two})-(?<b>[a-z]{{3}})-(?<Y>{four})$")),
            ("%Y-%m-%d %H:%M:%S", format!("^(?<Y>{four})-(?<m>{two})-(?<d>{two}) +(?<H>{two}):(?<M>{two}):(?<S>{two})$")),
            (
                "%Y-%m-%dT%H:%M:%S%z",
                format!(
                    "^(?<Y>{four})-(?<m>{two})-(?<d>{two})T(?<H>{two}):(?<M>{two}):(?<S>{two})(?<z>[+-][0-9]{{2}}:?[0-9]{{2}})$"
                ),
            ),
        ]
        .map(|(format, fits)| Self { format, fits: Regex::new(&fits).unwrap() })
        .into()
    }

    /// Microseconds since 1970, in UTC where the offset counts.
    fn read(&self, cell: &str, years: (i16, i16), is_utc: bool) -> Option<i64> {
        let parts = self.fits.captures(cell)?;
        let part = |name: &str| parts.name(name).map(|part| part.as_str());
        let number = |name: &str| part(name).map_or(Some(0), |part| part.trim_start().parse::<i64>().ok());
        let year = match part("y") {
            Some(_) => number("y").map(|year| if year < 70 { 2000 + year } else { 1900 + year })?,
            None => number("Y")?,
        };
        let month = match part("b") {
            Some(name) => MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month))? as i64 + 1,
            None => number("m")?,
        };
        let day = Date::new(year as i16, month as i8, i8::try_from(number("d")?).ok()?).ok()?;
        let (hour, minute, second) = (number("H")?, number("M")?, number("S")?);
        // A leap second is a second of its minute.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let offset = match part("z") {
            None => 0,
            Some(offset) => {
                let digits: Vec<i64> = offset.bytes().filter(u8::is_ascii_digit).map(|digit| i64::from(digit - b'0')).collect();
                let (hours, minutes) = (digits[0] * 10 + digits[1], digits[2] * 10 + digits[3]);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let seconds = (hours * 60 + minutes) * 60;
                if offset.starts_with('-') { -seconds } else { seconds }
            }
        };
        let days = i64::from(day.since(Date::constant(1970, 1, 1)).unwrap().get_days());
        let time = (days * 86_400 + hour * 3600 + minute * 60 + second - if is_utc { offset } else { 0 }) * 1_000_000;
        let of_year = |year: i16| i64::from(Date::new(year, 1, 1).unwrap().since(Date::constant(1970, 1, 1)).unwrap().get_days());
        (of_year(years.0) * 86_400_000_000..of_year(years.1 + 1) * 86_400_000_000).contains(&time).then_some(time)
    }
}

#[test]
fn dates_are_the_days_of_another_calendar() {
    let make = |dice: &mut ChaCha8Rng| {
        let (year, month, day) = (1895 + die(dice, 215), 1 + die(dice, 13), 1 + die(dice, 32));
        let time = format!("{:02}:{:02}:{:02}", die(dice, 25), die(dice, 61), die(dice, 61));
        let name = MONTHS[(month - 1) % 12];
        let cell = match die(dice, 12) {
            0 | 1 => format!("{year}-{month:02}-{day:02}"),
            2 => format!("{month}/{day:2}/{year}"),
            3 => format!("{month:02}/{day:02}/{year}"),
            4 => format!("{day}.{month}.{year}"),
            5 => format!("{year}{month:02}{day:02}"),
            6 => format!("{month}/{day}/{:02}", year % 100),
            7 => format!("{day}-{name}-{year}"),
            8 => format!("{day:02}-{}-{year}", name.to_uppercase()),
            9 => format!("{year}-{month:02}-{day:02} {time}"),
            10 => format!("{year}-{month}-{day} {time}"),
            _ => format!("{year}-{month:02}-{day:02}T{time}{}", pick(dice, &["+00:00", "-0500", "+05:30", "+1400", "Z", "-05"])),
        };
        damaged(dice, &cell, &["0", "1", "9", "-", "/", ".", "+", " ", "\t", "T", ":", "00:00", "Z", "é", "２"])
    };
    for notation in Notation::all() {
        for (zone, years) in [("utc", (1900, 2100)), ("written", (1990, 2030))] {
            let mut read = 0_usize;
            cells(18, make, |block, column| {
                let arguments = [column, word(notation.format), number(years.0.into()), number(years.1.into()), word(zone)];
                let times = try_strptime(&mut arguments.clone()).unwrap();
                let times = times.datetime().unwrap().physical().clone();
                for (cell, time) in block.iter().zip(times.iter()) {
                    let expected = notation.read(cell, years, zone == "utc");
                    assert_eq!(time, expected, "{cell:?} in {} ({zone})", notation.format);
                    read += usize::from(time.is_some());
                }
            });
            assert!(read > 0, "{}", notation.format);
        }
    }
}

#[test]
fn ids_and_words_are_what_is_seen_of_a_cell() {
    // What shows nothing, by the tables of Unicode: controls and what may be ignored. Selectors belong to the character before them.
    let unseen = Regex::new(r"[[\p{Cc}\p{Default_Ignorable_Code_Point}\x{fff9}-\x{fffb}]--[\s\p{Variation_Selector}]]").unwrap();
    for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
        assert_eq!(cell::is_invisible(c), unseen.is_match(c.encode_utf8(&mut [0; 4])), "U+{:04X}", u32::from(c));
    }
    let fraction = Regex::new("^([0-9]+)[.]0$").unwrap();
    let error = Regex::new("(?i)^(#n/a|#ref!|#value!|#name[?]|#div/0!|#null!|#num!|#getting_data|nan)$").unwrap();
    let make = |dice: &mut ChaCha8Rng| {
        let cell = pick(
            dice,
            &[
                "36_08_1250",
                "00101",
                "85001.0",
                "1e5",
                "#N/A",
                "NaN",
                "#REF!",
                "NULL",
                "n/a",
                "",
                "ähnlich",
                "ÄHNLICH",
                "A b",
                "Zürich",
            ],
        );
        damaged(
            dice,
            cell,
            &["\u{200b}", "\u{feff}", "\u{202e}", "\u{a0}", " ", "\t", "\0", "\u{7f}", "\u{3164}", "0", ".0", "#", "n"],
        )
    };
    cells(1, make, |block, column| {
        let present = present(&mut [column.clone(), word("null"), word("n/a"), word("ähnlich")]).unwrap();
        let ids = id(std::slice::from_mut(&mut present.clone())).unwrap();
        let damaged = damaged_cells(&column);
        let (present, ids) = (present.str().unwrap(), ids.str().unwrap());
        for (at, cell) in block.iter().enumerate() {
            let around = |c: char| c.is_whitespace() || unseen.is_match(c.encode_utf8(&mut [0; 4]));
            let bare = cell.trim_matches(around);
            let says_nothing =
                bare.is_empty() || error.is_match(bare) || ["null", "n/a", "ähnlich"].contains(&bare.to_lowercase().as_str());
            let seen = unseen.replace_all(bare, "");
            let expected = (!says_nothing).then(|| fraction.replace(&seen, "$1").into_owned());
            assert_eq!(present.get(at), (!says_nothing).then_some(bare), "{cell:?}");
            assert_eq!(ids.get(at).map(str::to_owned), expected, "{cell:?}");
            assert_eq!(damaged[at], unseen.is_match(cell) || error.is_match(bare), "{cell:?}");
        }
    });
}

fn damaged_cells(column: &Column) -> Vec<bool> {
    let damaged = super::damaged(std::slice::from_mut(&mut column.clone())).unwrap();
    damaged.bool().unwrap().iter().map(|damaged| damaged.unwrap()).collect()
}
