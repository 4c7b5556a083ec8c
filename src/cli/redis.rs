//! `vigie redis`: what an operator does to a Redis before gateways use it.

use std::time::Duration;

use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};

use super::check::machine::CLOCKS_DIFFER;
use super::{Exit, Failure, print};
use crate::config::{self, Config, RedisUrl, StoreUrl};
use crate::store::StoreError;
use crate::store::redis::admin::{self, Survey};
use crate::store::redis::library;
use crate::store::redis::rights::{Holder, Rights, rules};
use crate::store::redis::server::Severity;

/// What can be done with a Redis.
#[derive(Debug, Subcommand)]
pub(super) enum Redis {
    /// Say whether the servers of the store are fit for it, and what their operator should know
    Check(At),
    /// Load the functions on every primary, where the gateways' user may not
    Install {
        #[command(flatten)]
        at: At,
        /// Remove the functions of other versions, once no gateway of theirs runs any more.
        #[arg(long)]
        prune: bool,
    },
    /// Print lines for an ACL file, with the least rights: the gateways' user, and one for `vigie redis install`
    Acl,
}

/// Which Redis.
#[derive(Debug, Args)]
pub(super) struct At {
    /// Another Redis than `store.url` names. A password in it can be seen by everybody on this machine.
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Redis {
    pub(super) async fn run(self, config: Config) -> Result<(), Failure> {
        let store = config.store;
        match self {
            Self::Check(at) => check(&at.redis(&store)?, store.enqueue_wait).await,
            Self::Install { at, prune } => install(&at.redis(&store)?, prune).await,
            Self::Acl => print(&acl(&store)),
        }
    }
}

impl At {
    /// The Redis that is meant; another one is entered with the same user and password, unless it names its own.
    fn redis(self, store: &config::Store) -> Result<RedisUrl, Failure> {
        let wrong = |problem: String| Failure::new(Exit::Usage, problem);
        let address = match self.url.as_deref().map(StoreUrl::parse) {
            None => store.address(),
            Some(Err(problem)) => return Err(wrong(format!("--url is not usable: {problem}"))),
            Some(Ok(StoreUrl::Redis(url))) if url.password.is_some() => StoreUrl::Redis(url),
            Some(Ok(url)) => config::Store { url, ..store.clone() }.address(),
        };
        match address {
            StoreUrl::Redis(url) => Ok(url),
            StoreUrl::Embedded(_) => Err(wrong(
                "this is for Redis: name one with --url, or as `store.url` in the configuration".into(),
            )),
        }
    }
}

/// One line for everything there is to say of each server; a server without our functions is not ready.
async fn check(url: &RedisUrl, replicas: u16) -> Result<(), Failure> {
    let surveys = admin::survey(url, replicas).await?;
    let mut faults = 0;
    for survey in &surveys {
        for (mark, sentence) in lines(survey) {
            faults += usize::from(mark == FAULT);
            print(&format!("{mark} {:<21} {sentence}\n", survey.server))?;
        }
    }
    match faults {
        0 => Ok(()),
        faults => Err(Failure::new(Exit::Configuration, counted(faults, "fault"))),
    }
}

const FINE: &str = "ok   ";
const WARNING: &str = "warn ";
const FAULT: &str = "FAULT";

fn lines(survey: &Survey) -> Vec<(&'static str, String)> {
    let name = &library().name;
    let remarks = survey.remarks().map(|finding| match finding.severity {
        Severity::Warn => (WARNING, finding.sentence),
        Severity::LosesSends | Severity::Unusable => (FAULT, finding.sentence),
    });
    let mut lines: Vec<_> = remarks.collect();
    match survey.rights {
        Rights::Enough => {
            lines.push((FINE, format!("the functions {name} are loaded, and the user may do what they do")));
        }
        Rights::NoLibrary => {
            lines.push((FAULT, format!("the functions {name} are not loaded: run `vigie redis install`")));
        }
        Rights::Missing(_) => {}
    }
    lines.extend(clocks(survey).map(|sentence| (FAULT, sentence)));
    lines
}

/// Says that a server's clock and ours differ, where they do: presence and leases are told by the server's, the age of
/// signals and mails by ours.
fn clocks(survey: &Survey) -> Option<String> {
    let ahead = survey.ahead?;
    let apart = Duration::from_millis(ahead.unsigned_abs());
    (apart > CLOCKS_DIFFER).then(|| {
        let which = if ahead > 0 { "ahead of" } else { "behind" };
        format!(
            "its clock is {:.1} s {which} this machine's: keep both in step with NTP",
            apart.as_secs_f64()
        )
    })
}

/// What `vigie check` says of a Redis. Functions that are not loaded yet are no fault there: a gateway loads them.
pub(super) async fn look(url: &RedisUrl, replicas: u16) -> Result<String, Failure> {
    let surveys = admin::survey(url, replicas).await?;
    let mut sentences = Vec::new();
    let mut fit = true;
    for survey in &surveys {
        for finding in survey.remarks() {
            fit &= finding.severity == Severity::Warn;
            sentences.push(format!("{} {}", survey.server, finding.sentence));
        }
        if let Some(sentence) = clocks(survey) {
            fit = false;
            sentences.push(format!("{}: {sentence}", survey.server));
        }
    }
    if !fit {
        return Err(Failure::new(Exit::Configuration, sentences.join("; ")));
    }
    let missing = surveys.iter().any(|survey| survey.rights == Rights::NoLibrary);
    let functions = if missing { "the first start loads the functions" } else { "the functions are loaded" };
    sentences.insert(0, format!("{url}: {} reached, {functions}", counted(surveys.len(), "server")));
    Ok(sentences.join("; "))
}

async fn install(url: &RedisUrl, prune: bool) -> Result<(), Failure> {
    for installed in admin::install(url, prune).await? {
        let what = if installed.loaded { "loaded" } else { "were there" };
        print(&format!("{}: the functions {} {what}\n", installed.server, library().name))?;
        for name in &installed.removed {
            print(&format!("{}: the functions {name} of another version are removed\n", installed.server))?;
        }
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The lines; the gateways' one is ready if its password is configured.
fn acl(store: &config::Store) -> String {
    let user = if store.user.is_empty() { "vigie" } else { &store.user };
    let password = match store.password.expose() {
        "" => "#SHA256_OF_ITS_PASSWORD".to_owned(),
        password => format!("#{}", const_hex::encode(Sha256::digest(password))),
    };
    format!(
        "# The gateways: store.user = \"{user}\", and its password as VIGIE__STORE__PASSWORD.\n\
         # An ACL file keeps passwords as SHA-256: printf %s \"$PASSWORD\" | sha256sum\n\
         user {user} on {password} {}\n\n\
         # The same with what `?wait=durable` needs, for Redis 7.2 or later and Valkey:\n\
         # user {user} on {password} {}\n\n\
         # Whoever runs `vigie redis install`: may load functions, and read or write nothing.\n\
         user {user}-deploy on #SHA256_OF_ITS_PASSWORD {}\n\n\
         # Whoever runs `vigie store copy` out of this store: a gateway's rights, and to see the names of all keys.\n\
         # user {user}-copy on #SHA256_OF_ITS_PASSWORD {}\n",
        rules(Holder::Gateway),
        rules(Holder::GatewaySince72),
        rules(Holder::Deployment),
        rules(Holder::Copy),
    )
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::from(crate::app::StartError::from(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::redis::server::Sync;

    #[test]
    fn clocks_that_differ_are_told_with_the_way_they_do() {
        let survey = |ahead| Survey {
            server: "127.0.0.1:6379".into(),
            findings: Vec::new(),
            sync: Sync::Always,
            ahead,
            rights: Rights::Enough,
        };
        assert_eq!(clocks(&survey(None)), None, "the user may not ask");
        assert_eq!(clocks(&survey(Some(-1500))), None);
        let told = |ahead| clocks(&survey(Some(ahead))).expect("too far");
        assert!(told(7_500).contains("7.5 s ahead of"), "{}", told(7_500));
        assert!(told(-90_000).contains("90.0 s behind"), "{}", told(-90_000));
        assert!(lines(&survey(Some(7_500))).iter().any(|(mark, _)| *mark == FAULT));
    }
}
