//! The OpenAPI document: complete, and true about who may call what.

use serde_json::{Map, Value};

use super::client::Client;
use super::house::House;

/// Every operation as (path, method, operation).
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let item: &Map<String, Value> = item.as_object().expect("a path item");
            item.iter().map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
        })
        .collect()
}

async fn document(house: &House) -> Value {
    let nobody = Client { address: house.address, key: None };
    nobody.get("/v1/openapi.json").await.with(200)
}

#[tokio::test]
async fn every_route_of_the_contract_is_documented() {
    let house = House::open().await;
    let document = document(&house).await;
    assert!(document["openapi"].as_str().expect("a version").starts_with("3.1"));
    let mut found: Vec<_> =
        operations(&document).iter().map(|(path, method, _)| format!("{method} {path}")).collect();
    found.sort();
    let mut contract = vec![
        "delete /v1/sends/{id}",
        "get /v1/cases/{brand}/{case}",
        "get /v1/events",
        "get /v1/flows",
        "get /v1/openapi.json",
        "get /v1/partners",
        "get /v1/sends/{id}",
        "get /v1/stats",
        "get /v1/webhooks",
        "post /v1/cases/{brand}/{case}/handoff",
        "post /v1/bounces",
        "post /v1/cases/{brand}/{case}/settle",
        "post /v1/imports",
        "post /v1/recipients/export",
        "post /v1/mailboxes/lookup",
        "post /v1/mailboxes/remove",
        "post /v1/recipients/forget",
        "post /v1/recipients/lookup",
        "post /v1/sends",
        "post /v1/signals",
        "post /v1/signals/dovecot",
        "post /v1/signals/dovecot-policy",
        "post /v1/signals/stalwart",
        "post /v1/signals/webmail",
        "post /v1/tokens",
        "post /v1/webhooks/{brand}/{name}/replay",
        "put /v1/cases/{brand}/{case}",
        "put /v1/consents",
        "put /v1/suppressions",
        "put /v1/flows/{brand}",
        "put /v1/flows/{brand}/{campaign}",
        "put /v1/mailboxes",
    ];
    contract.sort_unstable();
    assert_eq!(found, contract);
}

#[tokio::test]
async fn every_operation_declares_its_roles_and_problems() {
    let house = House::open().await;
    let document = document(&house).await;
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    for (path, method, operation) in operations(&document) {
        let security =
            operation["security"].as_array().unwrap_or_else(|| panic!("{method} {path} has no security"));
        assert_eq!(security.len(), 1, "{method} {path}");
        let problems = ["default", "401", "403", "503"];
        let keyed = !matches!(path, "/v1/openapi.json" | "/v1/signals/dovecot-policy");
        // What servers report is answered whatever is the matter.
        let busy = operation["tags"][0] != "servers";
        let roles = security[0]["key"].as_array().map_or(0, Vec::len);
        assert_eq!(roles > 0, keyed, "{method} {path} declares {security:?}");
        for status in problems.iter().filter(|status| keyed && (busy || **status != "503")) {
            let content = &operation["responses"][status]["content"]["application/problem+json"];
            assert_eq!(content["schema"]["$ref"], "#/components/schemas/Problem", "{method} {path} {status}");
        }
    }
}

#[tokio::test]
async fn what_is_documented_is_what_is_enforced() {
    let house = House::open().await;
    let document = document(&house).await;
    for (path, method, operation) in operations(&document) {
        let Some(roles) = operation["security"][0]["key"].as_array() else { continue };
        let real = path
            .replace("{id}", "x")
            .replace("{brand}", "demo")
            .replace("{campaign}", "c")
            .replace("{case}", "c")
            .replace("{name}", "crm")
            // As a page: a stream has no end.
            .replace("/v1/events", "/v1/events?format=json");
        for (caller, role) in [("demo", "producer"), ("signals", "signals"), ("operator", "operator")] {
            let answer = house
                .caller(caller)
                .call(&method.to_ascii_uppercase(), &real, "application/json", "{}")
                .await;
            let refused = answer.status == 403;
            let listed = roles.iter().any(|listed| listed == role);
            assert_eq!(!refused, listed, "{method} {path} as {role}: {}", answer.text);
        }
        let nobody = Client { address: house.address, key: None };
        nobody.call(&method.to_ascii_uppercase(), &real, "application/json", "{}").await.problem(401);
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let house = House::open().await;
    let document = document(&house).await;
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(document.pointer(reference).is_some(), "{reference} leads nowhere");
    }
}
