//! `vigie bounces`: mails that came back, from files or a pipe, through the API of a running gateway.

use std::fs::File;
use std::io::{Read, stdin};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::{Method, StatusCode};
use serde_json::Value;

use super::http::Client;
use super::{Exit, Failure, import, print};
use crate::bounces::LOOKED_AT;
use crate::config::Config;

/// What the command says of itself.
pub(super) const ABOUT: &str = "\
Bring mails that came back to a running gateway: delivery reports and complaints, one mail each.

For mail servers that cannot speak LMTP to bounces.lmtp, such as by a pipe(8) of Postfix. Of each mail one line says what \
it was: hard, soft, complaint, unverified (it brings nothing back that a letter of ours carries), ignored (no report).

The key is VIGIE_KEY, else VIGIE_OPERATOR_KEY, else the operator's under data.dir.

Exit codes: 0 all were taken, whatever they were; 65 a file cannot be read; 75 the gateway is away, come again; 78 the key \
is wrong.";

/// Which mails.
#[derive(Debug, Args)]
pub(super) struct Bounces {
    /// The mails; none, or `-`: one from standard input
    files: Vec<PathBuf>,
    /// The gateway's API [default: api.listen of the configuration]
    #[arg(long, value_name = "ADDRESS:PORT")]
    api: Option<SocketAddr>,
}

impl Bounces {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        let key = import::key(config)?;
        let away = |error: super::http::HttpError| Failure::new(Exit::TryAgain, error.to_string());
        let api = self.api.unwrap_or(config.api.listen);
        let mut client = Client::connect(api, Some(key.expose())).await.map_err(away)?;
        let files = if self.files.is_empty() { vec![PathBuf::from("-")] } else { self.files };
        for file in files {
            let mail = read(&file)?;
            let answer =
                client.send(Method::POST, "/v1/bounces", "message/rfc822", mail).await.map_err(away)?;
            let answered: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            match answer.status {
                StatusCode::ACCEPTED => {
                    let what = answered["what"].as_str().unwrap_or_default();
                    print(&format!("{what}\t{}\n", file.display()))?;
                }
                status => return Err(refused(status, &answered)),
            }
        }
        Ok(())
    }
}

fn refused(status: StatusCode, answered: &Value) -> Failure {
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Exit::Configuration,
        _ => Exit::TryAgain,
    };
    let detail = answered["detail"].as_str().unwrap_or_default();
    Failure::new(exit, format!("the gateway answered {status}: {detail}"))
}

/// The beginning of a mail: what a report says stands there.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut mail = Vec::new();
    let most = LOOKED_AT as u64;
    let read = if file.as_os_str() == "-" {
        // The rest is read as well, or whoever writes it would take it for an error.
        let mut input = stdin().lock();
        let begun = input.by_ref().take(most).read_to_end(&mut mail);
        begun.and_then(|_| std::io::copy(&mut input, &mut std::io::sink())).map(drop)
    } else {
        File::open(file).and_then(|open| open.take(most).read_to_end(&mut mail)).map(drop)
    };
    read.map_err(|error| Failure::new(Exit::Data, format!("{}: {error}", file.display())))?;
    Ok(mail)
}
