//! Which cases opened, changed and closed.

use std::collections::BTreeMap;

use super::Service;
use super::health::{Open, is_open, key};
use crate::app::reads::cases::Case;
use crate::model::Month;

impl Service<'_> {
    /// Which cases of the newest month opened, changed and closed, each once.
    pub(super) fn judge(&mut self, month: Month, found: &[Case]) -> anyhow::Result<()> {
        let open: BTreeMap<String, Open> =
            found.iter().filter(|case| is_open(case)).map(|case| (key(case), Open::from(case))).collect();
        // What was open of an earlier month has not closed because there is a newer one. The one before may be the newest again.
        let of = |case: &Open| Month::parse(&case.month);
        let before = std::mem::take(&mut self.health.cases);
        let earlier = before.iter().filter(|(_, case)| of(case).is_some_and(|of| of.next() == month));
        self.health.cases = earlier.map(|(key, case)| (key.clone(), case.clone())).chain(open.clone()).collect();
        for (key, case) in &open {
            match before.get(key) {
                None => self.changed("opened", case)?,
                Some(known) if (&known.standing, &known.what) != (&case.standing, &case.what) => {
                    self.changed("changed", case)?;
                }
                Some(_) => {}
            }
        }
        for (_, case) in before.iter().filter(|(key, case)| of(case).is_some_and(|of| of >= month) && !open.contains_key(*key)) {
            self.changed("closed", case)?;
        }
        self.keep()
    }

    fn changed(&self, change: &'static str, case: &Open) -> anyhow::Result<()> {
        let level = if change == "closed" { "info" } else { "warn" };
        let next = if change == "closed" { String::new() } else { format!("; next: {}", case.next_step) };
        let message = format!("{change}: {} {}: {} ({}){next}", case.month, case.utility, case.what, case.standing);
        self.tell(change, &message, &serde_json::json!({ "case": case }));
        self.log(level, "case", message, serde_json::json!({ "change": change, "case": case }))
    }
}
