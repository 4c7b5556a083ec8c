//! Watched folders.

use super::*;

#[test]
fn watched_folders_are_somebodys_and_somewhere() {
    let folder = |directory: &str, brand: &str, mapping: Option<&str>| crate::config::FeedFolder {
        directory: directory.into(),
        brand: brand.parse().expect("a name"),
        campaign: None,
        template: None,
        mapping: mapping.map(|name| name.parse().expect("a name")),
    };
    let watch = |c: &mut Config, name: &str, folder| {
        c.feeds.folders.insert(name.parse().expect("a name"), folder);
    };
    none(|c| watch(c, "night", folder("/spool", "demo", None)));
    one("`feeds.folders.night.directory` must be absolute", |c| {
        watch(c, "night", folder("spool", "demo", None))
    });
    one("`feeds.folders.night.brand`: there is no brand acme", |c| {
        watch(c, "night", folder("/spool", "acme", None))
    });
    one("`feeds.folders.night.mapping`: there is no mapping m", |c| {
        watch(c, "night", folder("/spool", "demo", Some("m")))
    });
    one("`feeds.folders.a` and `feeds.folders.b` watch the same directory", |c| {
        watch(c, "a", folder("/spool", "demo", None));
        watch(c, "b", folder("/spool", "demo", None));
    });
    one("`feeds.takeover` (1s) must be at least 2s", |c| c.feeds.takeover = Duration::from_secs(1));
}
