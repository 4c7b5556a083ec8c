//! `[brand_folders]`: brands as folders, which are read again while a gateway runs.
//!
//! ```text
//! brand_folders.dir/
//!   acme/
//!     brand.toml              the keys of [brands.acme]
//!     reminder.fr.subject     templates, here or in templates/
//!     reminder.fr.txt
//!     reminder.fr.html
//! ```
//!
//! A folder is read in two steps, so that whoever watches it need not read what has not changed: [`Config::folders`]
//! lists folders, each with a [`Stamp`] that tells one version from another, and [`Config::read_folder`] reads one.
//! What lies there may be changed under our eyes; so a version is only ever what one reading found, and whoever
//! changes several files does it in one step (`mv`, or a symbolic link that is turned) or within a moment.

mod stamp;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

pub use self::stamp::Stamp;
use super::environment::BrandVariables;
use super::layers::Layers;
use super::span::duration;
use super::{Brand, Config, Invalid, check};
use crate::model::{BadName, Name};

/// A brand's file in its folder.
const FILE: &str = "brand.toml";

/// The folder of templates in a brand's folder, where they do not lie beside its file.
const TEMPLATES: &str = "templates";

/// `[brand_folders]`: where brands' folders are, and how they are followed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrandFolders {
    /// The directory they are in; empty: there are none.
    pub dir: PathBuf,
    /// How often to look whether one has changed; zero: only when told to (SIGHUP).
    #[serde(deserialize_with = "duration")]
    pub check_every: Duration,
    /// Whether a new brand's keys are made here; otherwise it waits until they are brought.
    pub make_keys: bool,
}

impl BrandFolders {
    /// Whether there are any.
    pub fn are_used(&self) -> bool {
        !self.dir.as_os_str().is_empty()
    }
}

/// What folders are read with, beside the configuration's own fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Beside {
    variables: BrandVariables,
    /// Brands that have tables in files: they cannot have folders, too.
    tables: BTreeSet<String>,
}

impl Beside {
    pub(super) fn new(variables: BrandVariables, tables: BTreeSet<String>) -> Self {
        Self { variables, tables }
    }
}

/// One brand's folder, as it was when it was listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// Which version of it.
    pub stamp: Stamp,
}

/// What a look into `brand_folders.dir` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Folders of brands.
    pub brands: BTreeMap<Name, Folder>,
    /// Folders whose names no brand can have.
    pub misnamed: BTreeMap<PathBuf, BadName>,
}

impl Found {
    /// Why each of the misnamed ones is none of a brand's.
    pub fn refused(&self) -> impl Iterator<Item = Invalid> {
        self.misnamed.iter().map(|(folder, bad)| {
            let problem = format!("its name {bad}: rename it, or move it elsewhere");
            Invalid::Folder { folder: folder.clone(), problem }
        })
    }
}

impl Config {
    /// Lists the folders there are now. Blocks on the disk; reads no file.
    ///
    /// # Errors
    /// The directory cannot be read: nothing is known of any folder then.
    pub fn folders(&self) -> Result<Found, Invalid> {
        let mut found = Found::default();
        if !self.brand_folders.are_used() {
            return Ok(found);
        }
        let directory = &self.brand_folders.dir;
        let unreadable = |source| Invalid::Folders { directory: directory.clone(), source };
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (name, path) = (entry.file_name(), entry.path());
            if name.as_encoded_bytes().starts_with(b".") || !path.is_dir() {
                continue;
            }
            match name.to_string_lossy().parse() {
                Ok(name) => {
                    let stamp = Stamp::of(&path);
                    found.brands.insert(name, Folder { path, stamp });
                }
                Err(bad) => {
                    found.misnamed.insert(path, bad);
                }
            }
        }
        Ok(found)
    }

    /// Reads and checks a brand's file, and where its templates are. Blocks on the disk.
    ///
    /// # Errors
    /// One sentence that names the folder or file, the key and the remedy.
    pub fn read_folder(&self, name: &Name, folder: &Path) -> Result<Brand, Invalid> {
        self.has_no_table(name, folder)?;
        let wrong = |problem: String| Invalid::Folder { folder: folder.to_owned(), problem };
        let file = folder.join(FILE);
        if !file.is_file() {
            return Err(wrong(format!("has no {FILE}: write one, or move the folder elsewhere")));
        }
        let mut layers = Layers::of_brand(&file)?;
        layers.add_brand_variables(name.as_str(), &self.beside.variables)?;
        let mut brand: Brand = layers.read()?;
        brand.templates = Some(templates(brand.templates.as_deref(), folder).map_err(wrong)?);
        brand.start_paths_at(folder);
        match check::brand_problems(name, &brand, self) {
            none if none.is_empty() => Ok(brand),
            problems => Err(Invalid::Brand { file, problems }),
        }
    }

    /// All brands as they are now, those of folders among them, and why others cannot be used. Blocks on the disk.
    ///
    /// # Errors
    /// As [`folders`](Self::folders).
    pub fn brands_now(&self) -> Result<(BTreeMap<Name, Brand>, Vec<Invalid>), Invalid> {
        let found = self.folders()?;
        let mut refused: Vec<_> = found.refused().collect();
        let mut brands = self.brands.clone();
        for (name, folder) in found.brands {
            match self.read_folder(&name, &folder.path) {
                Ok(brand) => drop(brands.insert(name, brand)),
                Err(invalid) => refused.push(invalid),
            }
        }
        Ok((brands, refused))
    }

    /// A brand with a folder has no table: none in a file, and the sample's is not used.
    pub(super) fn leave_to_folders(&mut self) -> Result<(), Invalid> {
        for (name, folder) in self.folders()?.brands {
            self.has_no_table(&name, &folder.path)?;
            self.brands.remove(&name);
        }
        Ok(())
    }

    fn has_no_table(&self, name: &Name, folder: &Path) -> Result<(), Invalid> {
        if !self.beside.tables.contains(name.as_str()) {
            return Ok(());
        }
        let problem = format!("the brand has a table `brands.{name}` in a file, too: remove one of the two");
        Err(Invalid::Folder { folder: folder.to_owned(), problem })
    }
}

/// Where a brand's templates are: where its file says, or in one of the two usual places.
fn templates(named: Option<&Path>, folder: &Path) -> Result<PathBuf, String> {
    let apart = folder.join(TEMPLATES);
    match named {
        Some(path) => Ok(folder.join(path)),
        None if !apart.is_dir() => Ok(folder.to_owned()),
        None if has_templates(folder) => {
            Err(format!("templates lie in it and in its {TEMPLATES}/: move all of them to one of the two"))
        }
        None => Ok(apart),
    }
}

/// Whether a subject line lies here: each template has one, and notes of people's have none.
fn has_templates(folder: &Path) -> bool {
    let is_one =
        |entry: fs::DirEntry| entry.path().extension().is_some_and(|extension| extension == "subject");
    fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(is_one))
}

#[cfg(test)]
mod tests;
