//! What an operator can ask: who is online, and who watches.

use rollcall_tests::{Config, Phone, Pidf, Server};
use serde_json::Value;

/// The publications and watchers of somebody, asked for by any of their addresses.
#[test]
fn the_publications_and_watchers_of_a_presentity_are_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("map.json"), "{\"sip:alice@example.com\": [\"sip:al@example.com\"]}")
        .expect("write a file");
    let server = Server::start_in(folder, Config::new().set("identity.map", "map.json"));
    let alice = Phone::udp(&server, "sip:alice@example.com");
    let _publication = alice.publish(&Pidf::basic("sip:alice@example.com", "open"));
    let bob = Phone::udp(&server, "sip:bob@example.com");
    let mut subscription = bob.subscribe("sip:al@example.com");
    subscription.notify();

    for address in ["sip:alice@example.com", "sip:al@example.com", "sip:%61l%40example.com:5060"] {
        let told = server.admin().json(&format!("/presentity?uri={address}"));
        assert_eq!(told["fundamental"], "sip:alice@example.com", "{told}");
        assert_eq!(told["publications"]["total"], 1, "{told}");
        assert_eq!(told["document"]["basic"], "open", "{told}");
        let watchers = &told["subscriptions"]["presence"];
        assert_eq!(watchers["total"], 1, "{told}");
        assert_eq!(watchers["list"][0]["watcher"], "sip:bob@example.com", "{told}");
    }
    let shown = server.rollcall(&["show", "presentity", "sip:al@example.com"]).expect(0);
    assert!(shown.contains("fundamental: sip:alice@example.com\n"), "{shown}");
    assert!(shown.contains("sip:bob@example.com") && shown.contains(" GMT"), "{shown}");
    let json = server.rollcall(&["show", "presentity", "sip:al@example.com", "--json"]).expect(0);
    assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON")["publications"]["total"], 1);

    subscription.unsubscribe();
    subscription.notify().expect_end("timeout");
    // It is kept until the answer to the last NOTIFY has been handled.
    server.wait_metrics("the end of the subscription", |_| {
        server.admin().json("/presentity?uri=sip:al@example.com")["subscriptions"]["presence"]["total"] == 0
    });
    assert_eq!(server.admin().json("/presentity?uri=sip:nobody@example.com")["publications"]["total"], 0);
    let (status, problem) = server.admin().call("GET", "/presentity?uri=nonsense");
    assert!(status == 400 && problem.contains("problems"), "{status} {problem}");
}

/// Everybody of whom something is known, page by page.
#[test]
fn all_presentities_are_listed_page_by_page() {
    let server = Server::start(Config::new());
    assert_eq!(server.rollcall(&["show", "presentities"]).expect(0), "nobody\n");
    let users: Vec<String> = (0..5).map(|n| format!("sip:user{n}@example.com")).collect();
    let phones: Vec<Phone> = users.iter().map(|user| Phone::udp(&server, user)).collect();
    let _publications: Vec<_> = phones
        .iter()
        .zip(&users)
        .enumerate()
        .map(|(n, (phone, user))| {
            phone.publish(&Pidf::basic(user, if n % 2 == 0 { "open" } else { "closed" }))
        })
        .collect();
    let mut subscription = phones[0].subscribe(&users[1]);
    subscription.notify();

    let (mut found, mut after) = (Vec::new(), None::<String>);
    loop {
        let behind = after.iter().map(|after| format!("&after={after}")).collect::<String>();
        let page = server.admin().json(&format!("/presentities?limit=2{behind}"));
        let presentities = page["presentities"].as_array().expect("an array").clone();
        assert!(presentities.len() <= 2, "{page}");
        found.extend(presentities);
        match &page["next"] {
            Value::String(next) => after = Some(next.clone()),
            _ => break,
        }
    }
    found.sort_by_key(|presentity| presentity["presentity"].to_string());
    let told: Vec<(&Value, &Value, &Value)> = found
        .iter()
        .map(|one| (&one["presentity"], &one["summary"]["basic"], &one["summary"]["watchers"]))
        .collect();
    let [open, closed] = ["open", "closed"].map(Value::from);
    let expected: Vec<(Value, &Value, Value)> = users
        .iter()
        .enumerate()
        .map(|(n, user)| {
            (user.as_str().into(), if n % 2 == 0 { &open } else { &closed }, u64::from(n == 1).into())
        })
        .collect();
    assert_eq!(told, expected.iter().map(|(user, basic, n)| (user, *basic, n)).collect::<Vec<_>>());

    let shown = server.rollcall(&["show", "presentities"]).expect(0);
    assert_eq!(shown.lines().count(), 1 + users.len(), "{shown}");
    let line = shown.lines().find(|line| line.starts_with(users[1].as_str())).expect("a line of hers");
    assert!(line.contains("closed"), "{shown}");
    assert_eq!(
        server.rollcall(&["show", "presentities", "--json", "--limit", "3"]).expect(0).lines().count(),
        3
    );
}
