//! Folders that come, change and go.

use std::fs;
use std::process::Command;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Folders, is_stale, letter, letters_say, offered, shows, turn, write_brand, write_file};
use crate::support::gateway::Gateway;
use crate::support::wait::{SOON, wait_until};

#[tokio::test]
async fn a_folder_sends_real_mail_and_a_new_one_does_without_a_restart() {
    let folders = Folders::with_acme();
    let gateway = folders.gateway(&[]).await;
    let first = letter(&gateway, "acme", 0).await;
    assert_eq!((first.header("from"), first.header("subject")), ("acme <letters@acme.example>", "Acme"));

    assert_eq!(offered(&gateway, "nova").await, StatusCode::UNPROCESSABLE_ENTITY, "there is none yet");
    folders.put("nova", "payment_url = \"https://pay.nova.example\"", "{{ payment_url }}");
    is_stale(&gateway, "nova", false).await;
    let subject = letter(&gateway, "nova", 0).await.header("subject").to_owned();
    assert!(subject.starts_with("https://pay.nova.example/?") && subject.contains("sig="), "{subject}");
    let token =
        gateway.mint(&json!({"brand": "nova", "email": "canary-t@example.test", "kind": "open"})).await;
    gateway.open(&format!("/o/{}.gif", token["token"].as_str().expect("a token is text"))).await;
    let refused = gateway.metrics().count("vigie_tokens_refused_total", &[]);
    assert_eq!(refused, 0, "its own key verifies it");

    let flows = gateway.call(Method::GET, "/v1/flows", &Value::Null).await.text();
    assert!(flows.contains("\"nova\"") && flows.contains("\"acme\""), "{flows}");
    let secrets = fs::read_to_string(gateway.data().join("secrets.toml")).expect("it is ours");
    assert_eq!(secrets.matches("brand = \"nova\"").count(), 2, "one key and one seal");
}

#[tokio::test]
async fn what_changed_on_the_disk_is_in_the_next_letter() {
    let folders = Folders::with_acme();
    let (gateway, mut number) = (folders.gateway(&[]).await, 0);
    letters_say(&gateway, "acme", "Acme", &mut number).await;
    fs::write(folders.folder("acme").join("note.en.subject"), "Changed in place").expect("it is ours");
    letters_say(&gateway, "acme", "Changed in place", &mut number).await;
    folders.put("acme", "", "Moved there");
    letters_say(&gateway, "acme", "Moved there", &mut number).await;

    let tracked = letter(&gateway, "acme", 1000).await.html;
    assert!(tracked.contains("/o/"), "consent is presumed: {tracked}");
    folders.put("acme", "class = \"promotional\"", "Promotional");
    letters_say(&gateway, "acme", "Promotional", &mut number).await;
    let promotional = letter(&gateway, "acme", 1001).await;
    assert_eq!(promotional.all("list-unsubscribe").len(), 1);
    folders.put("acme", "budget = [{ at_most = 9, within = \"1d\" }]", "With a budget");
    letters_say(&gateway, "acme", "With a budget", &mut number).await;
    wait_until("it says when that holds", SOON, async || {
        gateway.log().contains("it holds from the restart on").then_some(())
    })
    .await;
    let text = fs::read_to_string(folders.folder("acme").join("brand.toml")).expect("it is ours");
    fs::write(folders.folder("acme").join("brand.toml"), text.replace("presumed", "required")).expect("ours");
    wait_until("letters are not tracked any more", SOON, async || {
        number += 1;
        (!letter(&gateway, "acme", number).await.html.contains("/o/")).then_some(())
    })
    .await;
}

/// Kubernetes puts a `ConfigMap`'s files behind a link `..data`, and turns that; others link a brand's folder, or all.
#[tokio::test]
async fn links_that_are_turned_are_changes() {
    let folders = Folders::new();
    let acme = folders.folder("acme");
    fs::create_dir(&acme).expect("the directory is ours");
    for (version, subject) in [("..one", "One"), ("..two", "Two")] {
        write_brand(&acme.join(version), "acme", "", subject);
    }
    turn(&acme.join("..data"), "..one".as_ref());
    for file in ["brand.toml", "note.en.subject", "note.en.txt", "note.en.html"] {
        std::os::unix::fs::symlink(format!("..data/{file}"), acme.join(file)).expect("the folder is ours");
    }
    let (gateway, mut number) = (folders.gateway(&[]).await, 0);
    letters_say(&gateway, "acme", "One", &mut number).await;
    turn(&acme.join("..data"), "..two".as_ref());
    letters_say(&gateway, "acme", "Two", &mut number).await;

    let elsewhere = folders.0.path().join("workshop/three");
    write_brand(&elsewhere, "acme", "", "Three");
    fs::remove_dir_all(&acme).expect("it was there");
    turn(&acme, &elsewhere);
    letters_say(&gateway, "acme", "Three", &mut number).await;
}

#[tokio::test]
async fn the_whole_directory_may_be_a_link() {
    let folders = Folders::new();
    let versions = ["one", "two"].map(|version| folders.0.path().join("workshop").join(version));
    for (version, subject) in versions.iter().zip(["One", "Two"]) {
        write_brand(&version.join("acme"), "acme", "", subject);
    }
    fs::remove_dir(folders.dir()).expect("it is empty");
    turn(&folders.dir(), &versions[0]);
    let (gateway, mut number) = (folders.gateway(&[]).await, 0);
    letters_say(&gateway, "acme", "One", &mut number).await;
    turn(&folders.dir(), &versions[1]);
    letters_say(&gateway, "acme", "Two", &mut number).await;
}

#[tokio::test]
async fn a_hangup_reads_folders_that_nobody_looks_at() {
    let folders = Folders::with_acme();
    let settings = [("VIGIE__BRAND_FOLDERS__CHECK_EVERY", "0s")];
    let (gateway, mut number) = (folders.gateway(&settings).await, 0);
    folders.put("acme", "", "New");
    assert_eq!(letter(&gateway, "acme", 1000).await.header("subject"), "Acme", "nobody has said so yet");
    gateway.signal("HUP").await;
    letters_say(&gateway, "acme", "New", &mut number).await;
    wait_until("it says so", SOON, async || {
        gateway.log().contains("brands, agents and networks reloaded").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_brand_whose_folder_is_gone_stays_until_the_restart() {
    let folders = Folders::with_acme();
    let mut gateway = folders.gateway(&[]).await;
    let away = folders.0.path().join("workshop/away");
    fs::rename(folders.folder("acme"), &away).expect("it was there");
    is_stale(&gateway, "acme", true).await;
    assert_eq!(letter(&gateway, "acme", 0).await.header("subject"), "Acme");
    assert_eq!(gateway.log().matches("folder is gone").count(), 1);
    fs::rename(&away, folders.folder("acme")).expect("it was there");
    is_stale(&gateway, "acme", false).await;
    fs::rename(folders.folder("acme"), &away).expect("it was there");
    gateway.stop().await;
    gateway.restart().await;
    assert_eq!(offered(&gateway, "acme").await, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_shipped_folders_work_as_they_are_and_copied() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/brands");
    let gateway = Gateway::start(&[("VIGIE__BRAND_FOLDERS__DIR", shipped)]).await;
    gateway.queue("shipped", "canary-s@example.test").await;
    gateway.comes_online("canary-s@example.test").await;
    gateway.reaches("shipped", "sent").await;
    shows(&gateway, "vigie_brand_reloads_total", "result=\"loaded\"", 2).await;

    let folders = Folders::new();
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(format!("{shipped}/demo")).arg(folders.folder("mine"));
    assert!(copy.status().expect("every Debian has cp").success());
    write_file(&folders.folder("mine"), "mine", "");
    let gateway = folders.gateway(&[]).await;
    let mut reminder = crate::support::gateway::letter("copied", "canary-c@example.test");
    reminder["brand"] = "mine".into();
    gateway.push(&reminder).await;
    gateway.comes_online("canary-c@example.test").await;
    gateway.reaches("copied", "sent").await;
}

#[tokio::test]
async fn what_happens_at_a_deadline_is_the_brands_to_say() {
    let folders = Folders::new();
    folders.put("acme", "on_deadline = \"handoff\"", "Acme");
    let (gateway, mut number) = (folders.gateway(&[]).await, 0);
    let looked_at = async |id: &str| {
        let said = gateway.send(id).await.to_string();
        let cancelled = gateway.call(Method::DELETE, &format!("/v1/sends/{id}"), &Value::Null).await;
        assert_eq!(cancelled.status, StatusCode::OK);
        said
    };
    let pushed = async |id: &str, own: Option<&str>| {
        let mut send = super::note("acme", id, "canary-late@example.test");
        send["deadline"] = "2099-01-01T00:00:00Z".into();
        if let Some(own) = own {
            send["on_deadline"] = own.into();
        }
        gateway.push(&send).await;
        looked_at(id).await
    };
    let fed = async |id: &str| {
        let feed = format!("id,to.email,deadline\n{id},canary-fed@example.test,2099-01-01T00:00:00Z\n");
        let path = "/v1/imports?brand=acme&template=note";
        let answer = gateway.try_call(Method::POST, path, "text/csv", feed).await.expect("it answers");
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        looked_at(id).await
    };
    let (handed_off, sent, dropped) =
        ("it is handed off to another channel", "it is sent without waiting", "it is dropped");
    assert!(pushed("silent", None).await.contains(handed_off));
    assert!(pushed("own", Some("send")).await.contains(sent));
    assert!(fed("line").await.contains(handed_off));

    folders.put("acme", "on_deadline = \"drop\"", "Dropped");
    letters_say(&gateway, "acme", "Dropped", &mut number).await;
    assert!(pushed("later", None).await.contains(dropped));
    assert!(fed("later-line").await.contains(dropped));
    folders.put("acme", "", "Sent");
    letters_say(&gateway, "acme", "Sent", &mut number).await;
    assert!(pushed("latest", None).await.contains(sent));
}
