//! A site's own normalizer and mapper.

use super::{AL, BOB, CAROL, MAP, PHONE, ROBERT, publish, scene, sources, subscribe, with};
use crate::ports::RuleFailure;
use crate::testing::SiteRules;
use crate::tests::scene::{ALICE, Scene, pidf_of};

/// A normalizer and a mapper of the site's own.
const RULES: SiteRules = SiteRules {
    normalize: |uri, normalized| match uri {
        "sip:nobody@example.com" => Err(RuleFailure::Refused("not one of ours".to_owned())),
        "sip:trap@example.com" => Err(RuleFailure::Broken("trapped".to_owned())),
        "sip:empty@example.com" => Ok(String::new()),
        "sip:domain@example.com" => Ok("@example.com".to_owned()),
        "sip:text@example.com" => Ok("two words".to_owned()),
        "sip:long@example.com" => Ok(format!("sip:{}@example.com", "x".repeat(512))),
        _ => Ok(normalized.replace("site-", "")),
    },
    fundamental: |identity, mapped| match identity {
        "sip:robert@example.org" => Err(RuleFailure::Broken("trapped".to_owned())),
        "tel:+15550100" => Ok("no uri".to_owned()),
        "sip:al@example.com" => Err(RuleFailure::Refused("never heard of".to_owned())),
        _ => Ok(mapped.replace("dave", "carol")),
    },
};

fn ruled() -> Scene {
    let json = with(r#""identity":{"map":true,"component":"rules.wasm"},"lists":{"black":true}"#);
    let mut scene = Scene::new(&json);
    scene.host.rules = Some(RULES);
    let sources = sources(&[("identities", MAP), ("black", &[&["sip:site-erin@example.com"]])]);
    scene.host.load(&scene.presence, &sources).unwrap();
    scene
}

/// WPS-48: the site's rules come after the built-in ones.
#[test]
fn a_site_may_have_rules_of_its_own() {
    let mut scene = ruled();
    assert_eq!(publish(&mut scene, "sip:site-dave@example.com", "sip:dave@example.com", "", "").status, 200);
    assert_eq!(scene.host.partitions(), [CAROL]);
    assert_eq!(
        publish(&mut scene, "sip:erin@example.com", "sip:erin@example.com", "", "").status,
        403,
        "listed"
    );
}

/// WPS-48: where the normalizer fails the request is refused, whoever is meant: sender, presentity or entity.
#[test]
fn a_normalizer_that_fails_refuses_the_request() {
    let mut scene = ruled();
    for (uri, status) in [
        ("sip:nobody@example.com", 403),
        ("sip:trap@example.com", 500),
        ("sip:empty@example.com", 500),
        ("sip:domain@example.com", 500),
        ("sip:text@example.com", 500),
        ("sip:long@example.com", 500),
    ] {
        scene.host.lines.clear();
        let answers = [
            publish(&mut scene, uri, ALICE, "", ""),
            publish(&mut scene, ALICE, uri, "", ""),
            scene.publish_as(ALICE, ALICE, "", &pidf_of(uri, "open", "")),
            subscribe(&mut scene, uri, ALICE, None),
        ];
        for answer in answers {
            assert_eq!(answer.status, status, "{uri}");
            assert_eq!(answer.header("Retry-After").is_some(), status == 500);
        }
        let told =
            scene.host.lines.iter().filter(|line| line.contains("not normalized") && line.contains(uri));
        assert_eq!(told.count(), 4, "{:?}", scene.host.lines);
    }
    assert!(scene.host.partitions().is_empty());
    // Requests that are not for us are passed on, whatever the rules think of them.
    let text = "PUBLISH sip:trap@example.net SIP/2.0\nTo: <sip:trap@example.com>\n\n";
    assert!(scene.request(text).is_none());
}

/// WPS-48: where the mapper fails the built-in result stands.
#[test]
fn a_mapper_that_fails_leaves_the_built_in_result() {
    let mut scene = ruled();
    for (identity, partition) in [(ROBERT, BOB), (PHONE, ALICE), (AL, ALICE)] {
        let before = scene.host.lines.len();
        let question = scene.presence.on_inspect(&mut scene.host, "identity", identity).unwrap();
        assert!(question.contains(&format!("\"fundamental\":\"{partition}\"")), "{question}");
        assert!(scene.host.lines[before..].iter().any(|line| line.contains("not mapped")), "{identity}");
    }
    assert_eq!(publish(&mut scene, PHONE, PHONE, "", "").status, 200);
    assert_eq!(scene.host.partitions(), [ALICE]);
}

/// Without such a component nothing of it is called.
#[test]
fn without_rules_of_its_own_a_site_pays_nothing() {
    let mut scene = scene(&[], &[]);
    let never: fn(&str, &str) -> Result<String, RuleFailure> = |_, _| panic!("called");
    scene.host.rules = Some(SiteRules { normalize: never, fundamental: never });
    assert_eq!(publish(&mut scene, ALICE, ALICE, "", "").status, 200);
}
