//! After a real trip: gateway, SMTP, Postfix, mailbox.

use super::*;
use crate::support::gateway::Gateway;
use crate::support::postfix::Postfix;

#[tokio::test]
async fn signatures_survive_postfix() {
    let keys = Keys::make();
    let postfix = Postfix::start().await;
    let relay = format!("smtp://{}?tls=none", postfix.addr());
    let entries: Vec<String> = keys
        .files
        .iter()
        .map(|(selector, file)| {
            format!("{{ selector = {selector:?}, key_file = {:?} }}", file.display().to_string())
        })
        .collect();
    let entries = format!("[{}]", entries.join(", "));
    let settings = [("VIGIE__RELAY__URL", relay.as_str()), ("VIGIE__BRANDS__DEMO__DKIM", entries.as_str())];
    let gateway = Gateway::start(&settings).await;
    for number in 0..3 {
        let (id, email) = (format!("letter-{number}"), format!("canary-{number}@example.test"));
        gateway.queue(&id, &email).await;
        gateway.comes_online(&email).await;
        gateway.reaches(&id, "sent").await;
    }
    keys.all_valid(&postfix.wait_for_messages(3).await);
}
