//! Counters of the issuers' keys: `ambit.jwks.<number>_<issuer>.<what>`.

use crate::host::{self, HostError};
use ambit::enforcement::KeyNews;

/// Characters of an issuer's name that a counter's name has.
const NAME_MOST: usize = 64;

/// Of one issuer, for all workers of the process together.
#[derive(Debug)]
pub(crate) struct KeyCounters {
    /// Fetches that brought a good set.
    fetched: u32,
    /// Fetches that did not.
    failed: u32,
    /// Fetches that a token of an unknown key was the reason for.
    refetched: u32,
    /// Sets that a worker took from another one.
    taken_up: u32,
    /// What another worker shared and was no good.
    refused: u32,
    /// A gauge: keys in force where that was last told.
    keys: u32,
}

impl KeyCounters {
    /// Defines them for the issuer with this number among those whose keys are fetched.
    ///
    /// # Errors
    /// When the host has no counters.
    pub(crate) fn define(number: u32, issuer: &str) -> Result<Self, HostError> {
        let of = name(number, issuer);
        let counter = |what: &str| host::define_counter(&format!("{of}.{what}"));
        Ok(Self {
            fetched: counter("fetched")?,
            failed: counter("failed")?,
            refetched: counter("refetched")?,
            taken_up: counter("taken_up")?,
            refused: counter("shared_refused")?,
            keys: host::define_gauge(&format!("{of}.keys"))?,
        })
    }

    /// Counts a fetch that ended.
    pub(crate) fn fetch_ended(&self, news: &KeyNews) -> Result<(), HostError> {
        host::count(if news.good { self.fetched } else { self.failed })?;
        self.in_force(news.keys)
    }

    /// Counts what another worker shared.
    pub(crate) fn shared(&self, news: &KeyNews) -> Result<(), HostError> {
        host::count(if news.good { self.taken_up } else { self.refused })?;
        self.in_force(news.keys)
    }

    /// Counts a fetch that an unknown key was the reason for.
    pub(crate) fn refetching(&self) -> Result<(), HostError> {
        host::count(self.refetched)
    }

    /// Tells how many keys are in force.
    pub(crate) fn in_force(&self, keys: usize) -> Result<(), HostError> {
        host::record(self.keys, keys as u64)
    }
}

/// The issuer's name without its scheme, in letters and digits.
fn name(number: u32, issuer: &str) -> String {
    let rest = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    let issuer: String = rest.chars().map(plain).take(NAME_MOST).collect();
    format!("ambit.jwks.{number}_{issuer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_character_that_a_dashboard_reads_as_its_own() {
        let wanted = "ambit.jwks.0_idp_example_com_realms_x";
        assert_eq!(name(0, "https://idp.Example.com/realms/x"), wanted);
        assert_eq!(name(1, "a\n{b}\u{e9}"), "ambit.jwks.1_a__b__");
        assert_eq!(name(2, &"x".repeat(500)).len(), "ambit.jwks.2_".len() + NAME_MOST);
    }
}
