//! Partners: where their pixels lead, what for and how many.

use super::{Problem, is_base_url, refuse_if};
use crate::config::Config;
use crate::model::{Name, PARTNERS};

/// Every partner of `partners`.
pub(super) fn all(config: &Config, problems: &mut Vec<Problem>) {
    for (name, partner) in &config.partners {
        refuse_if(!is_base_url(&partner.tracking_url), problems, || {
            format!(
                "`partners.{name}.tracking_url` must be an http or https address without a slash at the end, a query or \
                 a user, such as \"https://t.news.example\""
            )
        });
        refuse_if(partner.purposes.is_empty(), problems, || {
            format!("`partners.{name}.purposes` must say what for: \"presence\", \"statistics\" or both")
        });
        let quotas =
            [("quota_per_second", partner.quota_per_second), ("quota_per_day", partner.quota_per_day)];
        for (key, quota) in quotas {
            refuse_if(quota == 0, problems, || {
                format!("`partners.{name}.{key}` must be at least 1; to shut a partner out, pause its flow")
            });
        }
    }
}

/// Partners are paused like brands' campaigns, under a brand's name that no brand may have.
pub(super) fn no_brand_is_called_partner(config: &Config, problems: &mut Vec<Problem>) {
    for name in config.brands.keys() {
        is_not_called_partner("brands.", name, problems);
    }
}

/// See [`no_brand_is_called_partner`]; `at` stands before the name in the sentence.
pub(super) fn is_not_called_partner(at: &str, name: &Name, problems: &mut Vec<Problem>) {
    refuse_if(name.as_str() == PARTNERS, problems, || {
        format!("`{at}{PARTNERS}` cannot be: /v1/flows/{PARTNERS} pauses partners; choose another name")
    });
}
