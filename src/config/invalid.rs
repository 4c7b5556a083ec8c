//! Why a configuration is refused: one sentence that names the key, where it came from and what to write instead.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::Problem;

/// Which layer set a key last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The embedded default file.
    Default,
    /// A file given with `--config`.
    File(PathBuf),
    /// An environment variable, by its name as it was given.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default file"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Variable(name) => write!(f, "the variable {name}"),
        }
    }
}

/// A configuration that vigie does not start with. `Display` is one sentence per problem and shows no secret.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// A file cannot be read.
    #[error("cannot read the configuration file {}: {source}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not TOML. The offending line is not shown: it may hold a secret.
    #[error("{origin} is not valid TOML at line {line}, column {column}: {message}")]
    Syntax {
        /// Which file.
        origin: Origin,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// A key that means nothing; a misspelt key must not pass for one that was set.
    #[error("unknown key `{key}` in {origin}{}", hint(similar.as_ref()))]
    UnknownKey {
        /// The whole path of the key.
        key: String,
        /// Who set it.
        origin: Origin,
        /// The path of the key that was probably meant.
        similar: Option<String>,
    },
    /// A key that has no default is missing.
    #[error("`{key}` is missing: add it to the table in {origin}")]
    Missing {
        /// The whole path of the key.
        key: String,
        /// Who made the table it is missing from.
        origin: Origin,
    },
    /// A value of the wrong kind or outside its range.
    #[error("`{key}` in {origin}{}: expected {expected}", shown(found.as_ref()))]
    Value {
        /// The whole path of the key.
        key: String,
        /// Who set it.
        origin: Origin,
        /// The value, unless it may be a secret.
        found: Option<String>,
        /// What would be right.
        expected: String,
    },
    /// The directory of brands' folders cannot be read.
    #[error("cannot read the directory of brands {} (`brand_folders.dir`): {source}", directory.display())]
    Folders {
        /// Which directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A brand's folder that is not usable as it is.
    #[error("the folder {}: {problem}", folder.display())]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A brand's file whose fields are right by themselves and wrong together.
    #[error("the file {}: {}", file.display(), sentences(problems))]
    Brand {
        /// Which file.
        file: PathBuf,
        /// Everything that was found.
        problems: Vec<Problem>,
    },
    /// Fields that are right by themselves and wrong together: everything that was found, a line each.
    #[error("{}", lines(.0))]
    Relations(Vec<Problem>),
}

fn hint(similar: Option<&String>) -> String {
    similar.map(|key| format!(": did you mean `{key}`?")).unwrap_or_default()
}

fn shown(found: Option<&String>) -> String {
    found.map_or_else(|| " is not usable".to_owned(), |value| format!(" is {value}"))
}

fn sentences(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
