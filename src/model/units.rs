//! Units of power: every capacity in the tables says its unit in the column's name.

/// A unit of power in which a utility states capacities or ratings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Watt.
    Watt,
    /// Kilowatt.
    Kilowatt,
    /// Megawatt.
    Megawatt,
}

impl Unit {
    /// Reads the symbol, without regard to case (`kW`, `MW`, `W`).
    pub fn parse(symbol: &str) -> Option<Self> {
        match symbol.to_ascii_lowercase().as_str() {
            "w" => Some(Self::Watt),
            "kw" => Some(Self::Kilowatt),
            "mw" => Some(Self::Megawatt),
            _ => None,
        }
    }

    /// One of it in watts, as a power of ten.
    const fn exponent(self) -> i32 {
        match self {
            Self::Watt => 0,
            Self::Kilowatt => 3,
            Self::Megawatt => 6,
        }
    }

    /// How many of `target` one of this unit is, as a power of ten.
    pub const fn exponent_to(self, target: Self) -> i32 {
        self.exponent() - target.exponent()
    }
}

/// A share from 0 to 1 in percent; something is never shown as nothing, nor less than all as all.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent <= 0.0 {
        "0".into()
    } else if percent < 1.0 {
        "<1".into()
    } else if percent > 99.0 && percent < 100.0 {
        ">99".into()
    } else {
        format!("{percent:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kilowatts_are_thousandths_of_megawatts() {
        assert_eq!(Unit::Kilowatt.exponent_to(Unit::Megawatt), -3);
        assert_eq!((Unit::Megawatt.exponent_to(Unit::Kilowatt), Unit::Watt.exponent_to(Unit::Watt)), (3, 0));
        assert_eq!(Unit::parse("KW"), Some(Unit::Kilowatt));
        assert_eq!(Unit::parse("kVA"), None);
    }
}
