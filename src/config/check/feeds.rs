//! Feeds: folders that are watched, whose they are and how they are read.

use std::time::Duration;

use super::{Problem, refuse_if};
use crate::config::Config;

/// A network file system may show a change this late.
const SHORTEST_TAKEOVER: Duration = Duration::from_secs(2);

/// Every folder of `feeds.folders`, and how they are watched.
pub(super) fn all(config: &Config, problems: &mut Vec<Problem>) {
    let feeds = &config.feeds;
    refuse_if(feeds.every.is_zero(), problems, || "`feeds.every` must be longer than nothing".into());
    refuse_if(feeds.takeover < SHORTEST_TAKEOVER, problems, || {
        format!("`feeds.takeover` ({:?}) must be at least {SHORTEST_TAKEOVER:?}", feeds.takeover)
    });
    for (name, folder) in &feeds.folders {
        let key = format!("feeds.folders.{name}");
        refuse_if(!folder.directory.is_absolute(), problems, || {
            format!("`{key}.directory` must be absolute: it is shared with whoever drops files there")
        });
        // A brand's own folder may come later.
        let unknown = !config.brands.contains_key(&folder.brand) && !config.brand_folders.are_used();
        refuse_if(unknown, problems, || format!("`{key}.brand`: there is no brand {}", folder.brand));
        if let Some(mapping) = &folder.mapping {
            refuse_if(!feeds.mappings.contains_key(mapping), problems, || {
                format!("`{key}.mapping`: there is no mapping {mapping} in `feeds.mappings`")
            });
        }
    }
    one_folder_each(config, problems);
}

/// Two folders on one directory would each take the other's files.
fn one_folder_each(config: &Config, problems: &mut Vec<Problem>) {
    let mut folders: Vec<_> = config.feeds.folders.iter().collect();
    folders.sort_by_key(|(_, folder)| &folder.directory);
    for pair in folders.windows(2) {
        let [(first, a), (second, b)] = pair else { continue };
        refuse_if(a.directory == b.directory, problems, || {
            format!("`feeds.folders.{first}` and `feeds.folders.{second}` watch the same directory")
        });
    }
}
