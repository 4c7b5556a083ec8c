//! The layer table in the crate doc is the law: imports point downwards, and every module stands in the table.

mod imports;
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use imports::imports;
use table::Table;

/// Everything wrong with one source file.
fn violations(table: &Table, file: &Path, source: &str) -> Vec<String> {
    let module = module_path(file);
    let Some(top) = module.first() else { return Vec::new() };
    let mut wrong = Vec::new();
    if file.file_name().is_some_and(|name| name == "mod.rs") {
        wrong.push(format!("{}: is named mod.rs: name it after its module", file.display()));
    }
    if !table.has(top) {
        wrong.push(format!("{}: `{top}` is missing from the layer table in src/lib.rs", file.display()));
    }
    for import in imports(&module, source) {
        if let Err(why) = table.allows(top, &import) {
            wrong.push(format!("{}: {why}", file.display()));
        }
    }
    wrong
}

/// `src/edge/pixel.rs` is `["edge", "pixel"]`; the crate root is empty.
fn module_path(file: &Path) -> Vec<String> {
    let parts = file.iter().skip_while(|part| *part != "src").skip(1);
    let names = parts.map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
    names.filter(|name| name != "lib" && name != "mod").collect()
}

fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn imports_point_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let crate_doc = fs::read_to_string(src.join("lib.rs")).expect("the crate root");
    let table = Table::parse(&crate_doc).expect("the layer table");
    let mut wrong = Vec::new();
    for file in sources(&src) {
        let source = fs::read_to_string(&file).expect("a source file");
        let shown = file.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("a file of this crate");
        wrong.extend(violations(&table, shown, &source));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

const TABLE: &str = "\
//! | layer | modules | within the layer |
//! | --- | --- | --- |
//! | 0: words | `clock` `model` | each other |
//! | 1: doors | `relay` `store` | nothing |
//! | 2: decisions | `flow` `dispatch` | those to the left |
//! | 3: program | `main` | nothing |
";

/// What the checker says of a file with this source.
fn verdict(file: &str, source: &str) -> Vec<String> {
    violations(&Table::parse(TABLE).expect("a table"), Path::new(file), source)
}

#[test]
fn the_checker_lets_downward_imports_pass() {
    let source = "
        use std::io;
        use crate::{clock::Clock, store::{self, Store}};
        use crate::flow::Flow;
        use self::retry::Rule;
        mod inner { use super::super::store::X; use super::Local; }
        fn f() -> crate::model::Id { crate::clock::now(); println!(\"{}\", crate::store::x()); other::relay() }
    ";
    assert_eq!(verdict("src/dispatch.rs", source), Vec::<String>::new());
    assert_eq!(verdict("src/clock.rs", "use crate::model::Id;"), Vec::<String>::new());
    assert_eq!(
        verdict("src/relay/pool.rs", "use super::wire; use crate::relay::reply;"),
        Vec::<String>::new()
    );
    assert_eq!(verdict("src/main.rs", "fn main() { vigie::dispatch::run() }"), Vec::<String>::new());
}

#[test]
fn the_checker_catches_every_way_to_import_upwards() {
    for source in [
        "use crate::store::Store;",
        "use crate::{clock::Clock, store};",
        "use crate::{model::{a, b}, store::{Store as S}};",
        "pub use crate::store::*;",
        "use super::store::Store;",
        "mod inner { use super::super::store::Store; }",
        "fn f(s: &crate::store::Store) {}",
        "fn f() { crate::store::open() }",
        "impl crate::store::Store for X {}",
        "fn f() { assert!(crate::store::is_open()) }",
        "#[cfg(test)] mod tests { use crate::store::Store; }",
    ] {
        let wrong = verdict("src/model.rs", source);
        assert_eq!(wrong, ["src/model.rs: `model` must not import `store`, which is above it"], "{source}");
    }
}

#[test]
fn the_checker_catches_sideways_imports() {
    let beside = "which stands beside it";
    for (file, other) in [("src/relay/pool.rs", "store"), ("src/flow.rs", "dispatch")] {
        let wrong = verdict(file, &format!("use crate::{other}::x;"));
        assert!(
            matches!(wrong.as_slice(), [only] if only.contains(other) && only.ends_with(beside)),
            "{wrong:?}"
        );
    }
    assert_eq!(verdict("src/dispatch.rs", "use crate::flow::x;"), Vec::<String>::new(), "to the left");
}

#[test]
fn the_checker_catches_what_the_table_does_not_know() {
    assert_eq!(
        verdict("src/util.rs", ""),
        ["src/util.rs: `util` is missing from the layer table in src/lib.rs"]
    );
    assert_eq!(
        verdict("src/flow.rs", "use crate::util::x;"),
        ["src/flow.rs: `flow` imports `util`, which is missing from the layer table"]
    );
    assert_eq!(
        verdict("src/flow/mod.rs", ""),
        ["src/flow/mod.rs: is named mod.rs: name it after its module"]
    );
}

#[test]
fn a_table_that_cannot_be_followed_is_refused() {
    for (bad, why) in [
        ("//! no table here", "no layer table"),
        ("//! | layer | modules | within the layer |\n//! | --- | --- | --- |", "no layers"),
        (&TABLE.replace("each other", "whatever"), "unknown rule \"whatever\""),
        (&TABLE.replace("`relay`", "`model`"), "`model` stands in it twice"),
        (&TABLE.replace("`clock` `model`", ""), "layer \"0: words\" has no modules"),
    ] {
        let error = Table::parse(bad).expect_err(why);
        assert!(error.contains(why), "{error}");
    }
}
