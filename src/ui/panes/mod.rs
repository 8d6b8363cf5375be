//! The panes: state → cells. Only the rows that fit are built.

pub(crate) mod browser;
pub(crate) mod deliveries;
pub(crate) mod drill;
pub(crate) mod missing;
pub(crate) mod months;
pub(crate) mod refresh;
pub(crate) mod rejected;
pub(crate) mod rules;

use std::ops::Range;

/// The rows to show around the selected one.
fn window(selected: usize, len: usize, height: usize) -> Range<usize> {
    let start = selected.saturating_sub(height / 2).min(len.saturating_sub(height));
    start..len.min(start + height)
}

#[cfg(test)]
mod tests {
    use super::window;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn window_holds_the_selected_row_and_fits(len in 1_usize..500, at in 0_usize..500, height in 1_usize..60) {
            let selected = at.min(len - 1);
            let rows = window(selected, len, height);
            prop_assert!(rows.contains(&selected) && rows.len() <= height && rows.end <= len);
            prop_assert_eq!(rows.len(), height.min(len));
        }
    }
}
