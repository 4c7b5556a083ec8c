//! The four pages, each for one kind of reader.

mod campaigns;
mod delivery;
mod gateway;
mod live;

use crate::dashboard::Dashboard;

/// All of them.
pub(crate) fn all() -> Vec<Dashboard> {
    vec![live::dashboard(), campaigns::dashboard(), delivery::dashboard(), gateway::dashboard()]
}

/// How fast a counter grows a second, summed up by a label; `over` selects.
fn rate(by: &str, counter: &str, over: &str) -> String {
    format!("sum {}(rate({counter}{{{over}}}[$__rate_interval]))", grouped(by))
}

/// By how much a counter grew in the whole time that is shown, summed up by a label.
fn grown(by: &str, counter: &str, over: &str) -> String {
    format!("sum {}(increase({counter}{{{over}}}[$__range]))", grouped(by))
}

/// The same of a counter that is the store's: every gateway on it exports the same figures, so one of them is taken. `by` is among
/// `of`, the counter's own labels.
fn store_rate(by: &str, of: &str, counter: &str, over: &str) -> String {
    format!("sum {}(max by ({of}) (rate({counter}{{{over}}}[$__rate_interval])))", grouped(by))
}

/// By how much a counter of the store grew in the whole time that is shown.
fn store_grown(by: &str, of: &str, counter: &str, over: &str) -> String {
    format!("sum {}(max by ({of}) (increase({counter}{{{over}}}[$__range])))", grouped(by))
}

/// The value below which so much of a histogram's observations lie.
fn quantile(share: f64, histogram: &str, over: &str) -> String {
    format!("histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{{{over}}}[$__rate_interval])))")
}

/// The same for each value of a label.
fn quantile_by(by: &str, share: f64, histogram: &str, over: &str) -> String {
    format!(
        "histogram_quantile({share}, sum by (le, {by}) (rate({histogram}_bucket{{{over}}}[$__rate_interval])))"
    )
}

/// The brands that were chosen.
const BRAND: &str = "brand=~\"$brand\"";

/// The brands and campaigns that were chosen.
const CAMPAIGN: &str = "brand=~\"$brand\", campaign=~\"$campaign\"";

/// The gateways that were chosen.
const GATEWAY: &str = "instance=~\"$instance\"";

/// What a sum is grouped by; nothing, if there is no label.
fn grouped(by: &str) -> String {
    if by.is_empty() { String::new() } else { format!("by ({by}) ") }
}
