//! Values of arguments, and what is said of those that are none.

use crate::model::{Dataset, Day, Environment, FeederId, Month, UtilityId};

pub(super) fn environment(text: &str) -> Result<Environment, String> {
    Environment::parse(text).ok_or_else(|| "it must be `dev`, `qa` or `prod`".into())
}

pub(super) fn day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| "it must be a day such as `2022-10-20`".into())
}

pub(super) fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "it must be a month such as `2022-10`".into())
}

pub(super) fn dataset(text: &str) -> Result<Dataset, String> {
    Dataset::parse(text).ok_or_else(|| "it must be `circuits`, `install_der` or `planned_der`".into())
}

pub(super) fn feeder(text: &str) -> Result<FeederId, String> {
    FeederId::parse(text).ok_or_else(|| "it must not be empty; see `feederscope feeders`".into())
}

pub(super) fn utility(text: &str) -> Result<UtilityId, String> {
    UtilityId::parse(text).ok_or_else(|| "it must be the id of an adapter; see `feederscope utilities`".into())
}
