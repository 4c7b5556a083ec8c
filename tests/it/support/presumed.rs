//! Brands for stores that are tested without a gateway.

use std::sync::Arc;

use vigie::brands::Brands;
use vigie::config::Config;

/// The sample brand alone, which presumes consent.
pub fn presumed() -> Brands {
    let config = Config::load(&[], []).expect("the default file");
    Brands::new(config.brands, Arc::default())
}
