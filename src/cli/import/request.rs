//! Where the feed goes, and what is said about it.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

use super::Import;
use crate::cli::{Exit, Failure};
use crate::config::{self, Config};
use crate::feeds::{Mapping, Wanted};
use crate::model::Name;
use crate::redact::Secret;
use crate::secrets;

/// An import as the API wants to be asked for it. Not `Debug`: it holds a key.
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) key: Secret,
    pub(super) content_type: String,
    /// The mapping as a header.
    pub(super) mapping: Option<String>,
}

impl Request {
    pub(super) fn new(import: &Import, config: &Config) -> Result<Self, Failure> {
        let usage = |problem: String| Failure::new(Exit::Usage, problem);
        let (encoding, delimiter) = (import.encoding.as_deref(), import.delimiter.as_deref());
        Wanted::default().overridden(encoding, delimiter).map_err(usage)?;
        let mapping = import.mapping.as_deref().map(Brought::find).transpose()?;
        let mut url = base(import, config)?;
        let mut query = url.query_pairs_mut();
        query.append_pair("brand", import.brand.as_str());
        query.append_pair("problems", &u64::MAX.to_string()).append_pair("originals", "true");
        let named = [("campaign", &import.campaign), ("template", &import.template)];
        for (name, value) in named {
            if let Some(value) = value {
                query.append_pair(name, value.as_str());
            }
        }
        if let Some(delimiter) = delimiter {
            query.append_pair("delimiter", delimiter);
        }
        if import.dry_run {
            query.append_pair("dry_run", "true");
        }
        if let Some(Brought::Name(name)) = &mapping {
            query.append_pair("mapping", name.as_str());
        }
        drop(query);
        let mapping = mapping.and_then(|mapping| match mapping {
            Brought::File(encoded) => Some(encoded),
            Brought::Name(_) => None,
        });
        Ok(Self { url, key: key(config)?, content_type: content_type(&import.file, encoding), mapping })
    }

    /// Path and query, leaving out the first lines.
    pub(super) fn target(&self, skip: u64) -> String {
        format!("{}?{}&skip={skip}", self.url.path(), self.url.query().unwrap_or_default())
    }
}

/// A mapping, by one of its two names.
enum Brought {
    /// The gateway has it.
    Name(Name),
    /// It is in a file; as the header brings it.
    File(String),
}

impl Brought {
    fn find(said: &str) -> Result<Self, Failure> {
        let wrong =
            |problem: String| Failure::new(Exit::Configuration, format!("--mapping {said}: {problem}"));
        let text = match std::fs::read_to_string(said) {
            Ok(text) => text,
            Err(error) => {
                let looks_like_file = said.contains('/') || Path::new(said).extension().is_some();
                return match said.parse() {
                    Ok(name) if !looks_like_file => Ok(Self::Name(name)),
                    _ => Err(wrong(error.to_string())),
                };
            }
        };
        let mapping: config::Mapping = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Mapping::new(&mapping).map_err(|bad| wrong(bad.to_string()))?;
        let json = serde_json::to_vec(&mapping).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::File(URL_SAFE_NO_PAD.encode(json)))
    }
}

fn base(import: &Import, config: &Config) -> Result<Url, Failure> {
    let said = import.url.clone().unwrap_or_else(|| format!("http://{}", config.api.listen));
    let wrong =
        || Failure::new(Exit::Usage, format!("--url {said}: must be http://HOST:PORT or https://HOST"));
    let url = Url::parse(&said).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong());
    }
    url.join("/v1/imports").map_err(|_| wrong())
}

/// The key of the environment, or of the gateway on this machine.
pub(in crate::cli) fn key(config: &Config) -> Result<Secret, Failure> {
    let given = ["VIGIE_KEY", "VIGIE_OPERATOR_KEY"].into_iter().find_map(|name| std::env::var(name).ok());
    if let Some(key) = given {
        return Ok(Secret::new(key.trim()));
    }
    secrets::operator_key(&config.data.dir)?.ok_or_else(|| {
        let dir = config.data.dir.display();
        let problem =
            format!("no key: set VIGIE_KEY, or run this where {dir} is the gateway's data directory");
        Failure::new(Exit::Configuration, problem)
    })
}

/// What the file's name says of it.
fn content_type(file: &Path, encoding: Option<&str>) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".rejected").unwrap_or(&name);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let kind = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("csv" | "tsv") => "text/csv",
        Some("ndjson" | "jsonl") => "application/x-ndjson",
        _ => "application/octet-stream",
    };
    encoding.map_or_else(|| kind.to_owned(), |encoding| format!("{kind}; charset={encoding}"))
}
