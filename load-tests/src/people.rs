//! People, each with one send that waits for them and one pixel.

use std::ops::Range;

use anyhow::{Result, ensure};
use hyper::Method;
use serde_json::json;
use vigie::model::Grantee;
use vigie::secrets::Secrets;
use vigie::token::{Kind, Purpose, Token};

use crate::gateway::Gateway;

/// Sends in one request.
const TOGETHER: usize = 2000;

/// One line of a producer's NDJSON: the send of person `index`.
pub fn line(index: usize) -> String {
    let send = json!({
        "id": format!("load-{index}"), "brand": "demo", "campaign": "load", "case": format!("case-{index}"),
        "to": {"email": address(index), "name": format!("Person {index}")},
        "template": "reminder", "vars": {"amount": "120.00 EUR", "due_date": "2026-12-01"},
    });
    format!("{send}\n")
}

/// Where person `index` gets mail.
pub fn address(index: usize) -> String {
    format!("person{index}@load.example")
}

/// Whose mail it is, by what [`line()`] called the send.
pub fn addressee(message: &[u8]) -> Option<usize> {
    let mark = b"X-Vigie-Send: load-";
    let at = message.windows(mark.len()).position(|window| window == mark)? + mark.len();
    let digits = message[at..].iter().take_while(|byte| byte.is_ascii_digit());
    let number = digits.fold(0_usize, |number, digit| number * 10 + usize::from(digit - b'0'));
    Some(number)
}

/// One send for each of these people.
pub async fn enqueue(gateway: &Gateway, people: Range<usize>) -> Result<()> {
    let mut client = gateway.client().await?;
    for from in people.clone().step_by(TOGETHER) {
        let lines: String = (from..people.end.min(from + TOGETHER)).map(line).collect();
        let answer = client.send(Method::POST, "/v1/sends", "application/x-ndjson", lines).await?;
        ensure!(answer.status.is_success(), "enqueue: {}", answer.status);
    }
    Ok(())
}

/// What these people's mail clients ask for, signed here rather than by the gateway: minting is not measured.
pub fn paths(gateway: &Gateway, people: impl IntoIterator<Item = usize>) -> Result<Vec<String>> {
    let secrets = gateway.secrets()?;
    people.into_iter().map(|person| path(&secrets, person, Kind::Open, "")).collect()
}

/// A person's pixel, or link to `destination`.
pub fn path(secrets: &Secrets, person: usize, kind: Kind, destination: &str) -> Result<String> {
    let owner = Grantee::Brand("demo".parse()?);
    let recipient = secrets.identity.of_address(&address(person))?;
    let token = Token {
        kind,
        expires: None,
        recipient,
        send: None,
        purpose: Purpose::Presence,
        destination: destination.to_owned(),
    };
    let token = token.mint(&secrets.ring, &owner)?;
    Ok(match kind {
        Kind::Click => format!("/c/{token}"),
        Kind::Unsubscribe => format!("/u/{token}"),
        _ => format!("/o/{token}.gif"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_tells_whose_it_is() {
        assert_eq!(addressee(b"Subject: x\r\nX-Vigie-Send: load-407\r\n\r\nload-9"), Some(407));
        assert_eq!(addressee(b"Subject: x\r\n\r\nhello"), None);
    }
}
