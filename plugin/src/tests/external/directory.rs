//! Whom a source is asked for.

use super::stage::source;
use crate::external::directory;
use crate::tables::RowProblem;
use crate::testing::Sources;
use crate::tests::scene::{ALICE, Scene};

const LISTED: &str = r#"{"presence":{"domains":["example.com"]},"identity":{"map":true},
    "external":{"super_user":"sip:presence@example.com",
        "registrar":[{"name":"scscf","domain":"example.com","target":"sip:192.0.2.10","identities":"scscf.json"}],
        "community":[{"name":"east","target":"sip:192.0.2.20","identities":"east.json"}]}}"#;

fn sources(rows: &[&[&str]]) -> Sources {
    let own = |rows: &[&[&str]]| -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|field| (*field).to_owned()).collect()).collect()
    };
    let map: &[&[&str]] = &[&["sip:alice@example.com", "sip:al@example.com", "tel:+15550100"]];
    [("identities", own(map)), ("external", own(rows))].into()
}

fn load(rows: &[&[&str]]) -> Result<Scene, Vec<RowProblem>> {
    let mut scene = Scene::new(LISTED);
    match scene.host.load(&scene.presence, &sources(rows)) {
        Ok(()) => Ok(scene),
        Err((table, problems)) => {
            assert_eq!(table, "external");
            Err(problems)
        }
    }
}

/// Whom a source knows somebody as, and whom it means by that.
fn both_ways(scene: &mut Scene, name: &str, presentity: &str) -> Option<(String, String)> {
    let source = source(scene, name).clone();
    let configuration = scene.presence.configuration().clone();
    let resource = directory::resource(&mut scene.host, &source, presentity)?;
    let back = directory::presentity(&mut scene.host, &configuration, &source, &resource)?;
    Some((resource, back))
}

/// WPS-08, WPS-14: each source has its own name for somebody, whom any of the identities here may stand for; rows may
/// come from lines of comma-separated values or members of a JSON object.
#[test]
fn wps_08_each_source_knows_somebody_by_its_own_name() {
    for rows in [
        &[
            &["east", "tel:+1-555-0100", "sip:Al@partner.example"][..],
            &["scscf", "sip:bob@example.com", "tel:+15550199"],
        ][..],
        &[
            &["east", "sip:al@example.com"],
            &["east", "sip:al@example.com", "sip:Al@partner.example"],
            &["scscf", "sip:bob@example.com"],
            &["scscf", "sip:bob@example.com", "tel:+15550199"],
        ],
    ] {
        let mut scene = load(rows).unwrap();
        let known = |resource: &str, presentity: &str| Some((resource.to_owned(), presentity.to_owned()));
        assert_eq!(both_ways(&mut scene, "east", ALICE), known("sip:Al@partner.example", ALICE));
        assert_eq!(both_ways(&mut scene, "east", "sip:bob@example.com"), None);
        assert_eq!(
            both_ways(&mut scene, "scscf", "sip:bob@example.com"),
            known("tel:+15550199", "sip:bob@example.com")
        );
        // By domain where the directory says nothing.
        assert_eq!(both_ways(&mut scene, "scscf", ALICE), known(ALICE, ALICE));
        assert_eq!(both_ways(&mut scene, "scscf", "sip:carol@elsewhere.example"), None);
    }
}

/// WPS-14: a row that does not fit is told with its line, and nothing is taken.
#[test]
fn wps_14_problems_are_told_with_their_lines() {
    let wrong: &[&[&str]] = &[
        &["east", "sip:alice@example.com", "sip:al@partner.example"],
        &["east", "no uri", "sip:b@partner.example"],
        &["east", "sip:b@example.com", "http://partner.example"],
        &["east", "sip:c@example.com", "sip:c@partner.example?Subject=x"],
        &["east", "sip:d@example.com"],
        &["east", "sip:e@example.com", "sip:e@partner.example"],
        &["east", "sip:f@example.com", "sip:f@partner.example", "sip:g@partner.example"],
        &["east", "sip:h@example.com", "sip:h@partner.example>\r\nX: y"],
    ];
    let lines: Vec<u32> = load(wrong).map(|_| ()).unwrap_err().into_iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 7, 8]);
}

/// Nobody has two names at a source, and no two have one: else a NOTIFY could not be told whom it is about.
#[test]
fn a_name_means_one_and_one_has_one_name() {
    for conflict in [
        &[
            &["east", "sip:alice@example.com", "sip:al@partner.example"][..],
            &["east", "tel:+15550100", "sip:a@partner.example"],
        ],
        &[
            &["east", "sip:alice@example.com", "sip:al@partner.example"][..],
            &["east", "sip:bob@example.com", "sip:al@partner.example"],
        ],
    ] {
        let problems = load(conflict).map(|_| ()).unwrap_err();
        assert!(problems.iter().all(|(_, why)| why.contains("two values")), "{problems:?}");
    }
    // At different sources, or said twice alike, there is no conflict.
    load(&[
        &["east", "sip:alice@example.com", "sip:al@partner.example"],
        &["east", "sip:al@example.com", "sip:al@partner.example"],
        &["scscf", "sip:alice@example.com", "sip:al@partner.example"],
    ])
    .unwrap();
}
