//! Decimal numbers as delivered → the nearest doubles, in another unit or summed.
//!
//! A double stands for the shortest decimal that reads as it: what a file says in up to fifteen digits comes back exactly.
//! Units and sums are computed on those decimals and rounded once, so that a result depends on nothing but the numbers.

/// Decimal places that a sum keeps of each number.
const PLACES: i32 = 12;

/// One unit of the last of them, in whole numbers.
const UNITS: f64 = 1e12;

/// No number of this world is so large.
const TOO_LARGE: f64 = 1e15;

/// The text as a number, times ten to the power of `exponent`: the nearest double; one zero. `None` if it is none, or, as it stands there,
/// none of this world.
pub fn parse(text: &str, exponent: i32) -> Option<f64> {
    if let Some((digits, power)) = plain(text.as_bytes())
        && let power = exponent.saturating_add(power)
        && power.abs() <= MOST_POWER
    {
        // Both are exact, so that the one operation rounds once.
        let scale = POWERS[power.unsigned_abs() as usize];
        return Some(if power < 0 { digits / scale } else { digits * scale } + 0.0);
    }
    let number = text.parse::<f64>().ok().filter(|number| number.abs() < TOO_LARGE)?;
    if exponent == 0 { Some(number + 0.0) } else { Some(shift_text(text, exponent).unwrap_or_else(|| shift(number, exponent))) }
}

/// A number in plain notation: its digits, and to which power of ten they are. `None` of any other text, and of more digits than a number of
/// this world has.
#[inline]
fn plain(text: &[u8]) -> Option<(f64, i32)> {
    let (is_negative, unsigned) = match text {
        [b'-', unsigned @ ..] => (true, unsigned),
        unsigned => (false, unsigned),
    };
    if unsigned.len() > MOST_DIGITS + 1 {
        return None;
    }
    let (mut digits, mut point) = (0_u64, None);
    for (at, byte) in unsigned.iter().enumerate() {
        match byte {
            b'0'..=b'9' => digits = 10 * digits + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at + 1),
            _ => return None,
        }
    }
    let written = unsigned.len() - usize::from(point.is_some());
    let places = point.map_or(0, |point| unsigned.len() - point);
    let number = digits as f64;
    (1..=MOST_DIGITS).contains(&written).then_some((if is_negative { -number } else { number }, -(places as i32)))
}

/// So many digits are a number of this world whatever they are, and exact in a double.
const MOST_DIGITS: usize = 15;

/// A number times ten to the power of `exponent`: the double nearest to the exact product.
pub fn shift(number: f64, exponent: i32) -> f64 {
    if exponent == 0 || number == 0.0 || !number.is_finite() {
        return number + 0.0;
    }
    // Most numbers are whole thousandths; these and the power are exact, so that the one operation rounds once.
    let (thousandths, power) = ((number * 1e3).round(), exponent - 3);
    if thousandths.abs() < 1e15 && (thousandths / 1e3).to_bits() == number.to_bits() && power.abs() <= MOST_POWER {
        let scale = POWERS[power.unsigned_abs() as usize];
        return if power < 0 { thousandths / scale } else { thousandths * scale };
    }
    shift_text(&number.to_string(), exponent).unwrap_or(number)
}

/// Powers of ten up to this one are exact in a double.
const MOST_POWER: i32 = 22;

/// These powers.
const POWERS: [f64; MOST_POWER as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21,
    1e22,
];

/// Moves the exponent that a decimal is written with.
fn shift_text(text: &str, exponent: i32) -> Option<f64> {
    let (digits, written) = match text.split_once(['e', 'E']) {
        Some((digits, written)) => (digits, written.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let moved = written.checked_add(exponent)?;
    Some(format!("{digits}e{moved}").parse::<f64>().ok()? + 0.0)
}

/// A number in units of 10⁻¹², as which numbers are summed in any order; null-like numbers (`nan`, infinite) are nothing.
///
/// Digits beyond the twelfth decimal place are rounded away.
pub fn units(number: f64) -> i128 {
    if !number.is_finite() {
        return 0;
    }
    if number.fract() == 0.0 {
        return (number as i128).saturating_mul(UNITS as i128);
    }
    // Below it neighbouring doubles are less than a unit apart, so that the nearest unit is that of the decimal.
    if number.abs() < 4096.0 { binary_units(number) } else { decimal_units(&number.to_string()) }
}

/// The nearest unit to the exact value of a double below 4096.
fn binary_units(number: f64) -> i128 {
    let bits = number.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
    let fraction = i128::from(bits & ((1 << 52) - 1));
    let (mantissa, shift) = if exponent == 0 { (fraction, 1074) } else { (fraction | (1 << 52), 1075 - exponent) };
    let scaled = mantissa * UNITS as i128;
    let shift = shift.unsigned_abs();
    let units = if shift > 120 { 0 } else { (scaled + (1 << (shift - 1))) >> shift };
    if number < 0.0 { -units } else { units }
}

/// The units of a decimal without an exponent.
fn decimal_units(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let places = PLACES as usize;
    let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(places).collect();
    let rounds_up = fraction.as_bytes().get(places).is_some_and(|digit| *digit >= b'5');
    format!("{whole}{kept}").parse::<i128>().map_or(0, |units| sign * (units + i128::from(rounds_up)))
}

/// A sum of [`units`] times ten to the power of `exponent`: the nearest double.
pub fn quotient(sum: i128, exponent: i32) -> f64 {
    format!("{sum}e{}", exponent - PLACES).parse().map_or(f64::NAN, |number: f64| number + 0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn point_moves_without_a_second_rounding() {
        for (text, exponent, expected) in [
            ("8008", -3, 8.008),
            ("13", -3, 0.013),
            ("7.6", -3, 0.0076),
            ("0.0076", 3, 7.6),
            ("1e3", -3, 1.0),
            ("-0", 0, 0.0),
            ("-0", -3, 0.0),
        ] {
            assert_eq!(parse(text, exponent).unwrap().to_bits(), f64::to_bits(expected), "{text}e{exponent}");
            assert_eq!(shift(text.parse().unwrap(), exponent).to_bits(), f64::to_bits(expected), "{text}e{exponent}");
        }
        for none in ["5 MW", "", "1e3e2", "nan", "inf", "-inf", "1e15", "-1e15", "1e16"] {
            assert_eq!([parse(none, 0), parse(none, -3)], [None, None], "{none}");
        }
        // More digits than a double holds: as the standard library reads them.
        for (text, number) in [
            ("0000000000000000000000001", Some(1.0)),
            ("1000000000000000", None),
            ("-9999999999999999", None),
            ("123456789012345.6789", Some(123_456_789_012_345.67)),
            (&"1".repeat(30), None),
            (&format!(".{}", "3".repeat(60)), Some(1.0 / 3.0)),
        ] {
            assert_eq!(parse(text, 0), number, "{text}");
        }
        assert_eq!((parse("999999999999999", 0), parse("1e14", 3)), (Some(999_999_999_999_999.0), Some(1e17)));
    }

    #[test]
    fn sums_are_those_of_the_decimals() {
        let sum = |numbers: &[f64]| quotient(numbers.iter().map(|number| units(*number)).sum(), 0);
        assert_eq!(sum(&[0.1, 0.2]).to_bits(), 0.3_f64.to_bits());
        assert_eq!(sum(&[12_345_678.9, 0.000_000_000_001]).to_bits(), 12_345_678.9_f64.to_bits());
        assert_eq!(sum(&[1e15 - 1.0, 1e15 - 1.0, -0.1]).to_bits(), 1_999_999_999_999_997.9_f64.to_bits());
        assert_eq!(quotient(units(9e7) * 150, -3).to_bits(), 13_500_000_f64.to_bits());
        assert_eq!((units(4.9e-13), units(5.1e-13), units(-5.1e-13), units(f64::NAN)), (0, 1, -1, 0));
    }

    /// A decimal of so many digits as text, and its whole value in units.
    fn decimals() -> impl Strategy<Value = (String, i128)> {
        (0_u64..1_000_000_000, 0_u32..=9, any::<bool>()).prop_map(|(digits, places, negative)| {
            let scale = 10_u64.pow(places);
            let (sign, minus) = if negative { (-1, "-") } else { (1, "") };
            let fraction =
                if places == 0 { String::new() } else { format!(".{:0width$}", digits % scale, width = places as usize) };
            let text = format!("{minus}{}{fraction}", digits / scale);
            (text, sign * i128::from(digits) * 10_i128.pow(12 - places))
        })
    }

    proptest! {
        #[test]
        fn units_of_any_decimal_are_its_own((text, expected) in decimals()) {
            prop_assert_eq!(units(text.parse().unwrap()), expected, "{}", text);
        }

        /// Texts of what numbers are written with, as the standard library reads them with the point moved.
        #[test]
        fn any_text_is_the_number_that_another_reader_sees(text in "[-+]?[0-9.]{0,19}(e-?[0-9])?", exponent in -9_i32..=9) {
            let plain = text.parse::<f64>().ok().filter(|number| number.abs() < TOO_LARGE);
            let digits = text.split('e').next().unwrap_or_default();
            let power = text.split_once('e').map_or(0, |(_, power)| power.parse::<i32>().unwrap()) + exponent;
            let moved = plain.map(|_| (format!("{digits}e{power}").parse::<f64>().unwrap() + 0.0).to_bits());
            prop_assert_eq!(parse(&text, exponent).map(f64::to_bits), moved, "{}", text);
        }

        #[test]
        fn shift_of_any_decimal_is_what_the_moved_point_reads_as((text, _) in decimals(), exponent in -6_i32..=6) {
            let expected = format!("{text}e{exponent}").parse::<f64>().unwrap() + 0.0;
            prop_assert_eq!(shift(text.parse().unwrap(), exponent).to_bits(), expected.to_bits());
        }
    }
}
