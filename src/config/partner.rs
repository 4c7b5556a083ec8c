//! `[partners.NAME]`: who carries our pixel in newsletters of their own.

use serde::Deserialize;

/// One partner: what their pixels may do, and how many.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partner {
    /// The public address of the edge for this partner's pixels, without a trailing slash.
    pub tracking_url: String,
    /// What their signals may be used for.
    #[serde(default = "presence")]
    pub purposes: Vec<PartnerPurpose>,
    /// Whether they may also use the pixel without a token: `/p/NAME/SHA-256 of the address`.
    #[serde(default)]
    pub hashed_pixel: bool,
    /// Signals taken in one second by one gateway; the rest is dropped and counted.
    #[serde(default = "a_second")]
    pub quota_per_second: u64,
    /// Signals taken on one day (UTC) by one gateway; the rest is dropped and counted.
    #[serde(default = "a_day")]
    pub quota_per_day: u64,
}

/// What a partner's signals may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PartnerPurpose {
    /// They may release waiting sends, of people who consented to that partner.
    Presence,
    /// They are counted.
    Statistics,
}

impl Partner {
    /// Whether their signals may make somebody present.
    pub fn tells_presence(&self) -> bool {
        self.purposes.contains(&PartnerPurpose::Presence)
    }
}

fn presence() -> Vec<PartnerPurpose> {
    vec![PartnerPurpose::Presence]
}

const fn a_second() -> u64 {
    100
}

const fn a_day() -> u64 {
    1_000_000
}
