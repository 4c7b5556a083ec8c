//! Which top-level modules of this crate a source file names: in `use`, in paths, and inside macros.

use std::collections::BTreeSet;

use syn::visit::{self, Visit};

/// The top-level modules that a file names; `module` is where the file stands in the crate.
pub fn imports(module: &[String], source: &str) -> BTreeSet<String> {
    let file = syn::parse_file(source).expect("a source file that compiles");
    let mut finder = Finder { module: module.to_vec(), found: BTreeSet::new() };
    finder.visit_file(&file);
    finder.found
}

struct Finder {
    /// The module we are in.
    module: Vec<String>,
    found: BTreeSet<String>,
}

impl Finder {
    /// Notes a path, given from its first segment on.
    fn note(&mut self, path: &[String]) {
        let [first, rest @ ..] = path else { return };
        let mut at = match first.as_str() {
            "crate" | "vigie" => Vec::new(),
            "self" => self.module.clone(),
            "super" => self.module[..self.module.len().saturating_sub(1)].to_vec(),
            _ => return,
        };
        for segment in rest {
            match segment.as_str() {
                "super" => drop(at.pop()),
                "self" => {}
                name => at.push(name.to_owned()),
            }
        }
        self.found.extend(at.first().cloned());
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |ident: &syn::Ident| [before, &[ident.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => self.note(&with(&name.ident)),
            syn::UseTree::Rename(rename) => self.note(&with(&rename.ident)),
            syn::UseTree::Glob(_) => self.note(before),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before)),
        }
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&segments);
        visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    /// Macros hold tokens, not paths: whatever follows `crate ::` in them is taken for a path.
    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let tokens = item.tokens.to_string();
        for after in tokens.split("crate ::").skip(1).chain(tokens.split("crate::").skip(1)) {
            let name = after.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            self.note(&["crate".to_owned(), name]);
        }
        visit::visit_macro(self, item);
    }
}
