//! Some pay: they follow the link in the mail that was delivered to them, and the brand's page believes it.

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::process::Command;

use super::Day;
use super::cast::{Brand, Role};
use super::mailboxes;
use crate::payment;
use crate::support::gateway::IPHONE;

/// The brands' pages.
const PAGES: [&str; 2] = ["https://payer.azur.example/dossier?", "https://pay.boreal.example/case?"];

/// What a brand's page does with links: the example's own check. Prints whose cases they are, or fails.
const CHECK: &str = "import json, sys; sys.path.insert(0, sys.argv[1]); import payment_page as page\n\
    print(json.dumps([page.verify(link, sys.argv[2], sys.argv[3])[0] for link in json.loads(sys.argv[4])]))";

pub async fn are_made(day: &Day) {
    let mails = mailboxes::read(&day.town);
    for brand in Brand::BOTH {
        let cases = day.cases(brand, |role| role == Role::Payer);
        let mut links = Vec::new();
        for (n, case) in cases.iter().enumerate() {
            let mail = mails.iter().find(|mail| mail.letter == case.letter()).expect("it was delivered");
            let path = mail.link.as_ref().expect("it has a payment link");
            let click = day.town.gateways[n % 2].visit(Method::GET, path, IPHONE).await;
            let page = click.header("location").to_owned();
            assert_eq!(click.status, StatusCode::FOUND, "{}", click.text());
            assert!(page.starts_with(PAGES[brand as usize]), "{page}");
            links.push(page);
        }
        let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(believed(day, brand, &links).await, json!(names), "the page knows what is paid");
        assert_eq!(day.settle(&cases, "paid").await, 0, "nothing of it waited any more");
    }
    day.town.books_balance();
}

/// The cases of links whose signatures hold.
async fn believed(day: &Day, brand: Brand, links: &[String]) -> Value {
    let secret = payment::secret(day.town.gateway(), brand.name()).await.expect("the brand has one");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/integrations");
    let output = Command::new("python3")
        .args(["-B", "-c", CHECK, folder, brand.name(), &secret, &json!(links).to_string()])
        .output()
        .await
        .expect("Python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}
