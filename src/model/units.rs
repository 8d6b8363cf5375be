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

    const fn watts(self) -> f64 {
        match self {
            Self::Watt => 1.0,
            Self::Kilowatt => 1e3,
            Self::Megawatt => 1e6,
        }
    }

    /// How many of `target` one of this unit is; dividing keeps powers of ten exact where multiplying would not.
    pub fn ratio_to(self, target: Self) -> f64 {
        self.watts() / target.watts()
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
        assert!((Unit::Kilowatt.ratio_to(Unit::Megawatt) - 0.001).abs() < f64::EPSILON);
        assert!((Unit::Megawatt.ratio_to(Unit::Kilowatt) - 1000.0).abs() < f64::EPSILON);
        assert_eq!(Unit::parse("KW"), Some(Unit::Kilowatt));
        assert_eq!(Unit::parse("kVA"), None);
    }
}
