//! Identities that a registrar names together (`identity.learn`): watchers and publishers who know any of them
//! meet in one document.

use proptest::collection::vec;
use proptest::prelude::*;

use super::backend::{Ask, Far, THERE};
use super::stage::source;
use crate::external::learning;
use crate::keys::{LEARNED, PUBLICATION, SUBSCRIPTION};
use crate::step::Step;
use crate::tests::moving::Phone;
use crate::tests::scene::{ALICE, Scene, pidf_of};

const AL: &str = "sip:al@example.com";
const TEL: &str = "tel:+15550100";
const CAROL: &str = "sip:carol@example.com";
const DAY: u64 = 86_400_000;

/// The sources know nobody, so that nothing is sent to them: what they say is said in [`tell`].
const LEARNING: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "identity":{"map":true,"learn":"registrar"},"rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "registrar":[{"name":"scscf","identities":true,"target":"sip:192.0.2.10"}],
        "community":[{"name":"east","identities":true,"target":"sip:192.0.2.20"}]}}"#;

/// In the partition of somebody, a source has named these identities, or its subscription has ended.
fn tell(scene: &mut Scene, partition: &str, name: &str, identities: Option<&[&str]>) {
    let source = source(scene, name).clone();
    let configuration = scene.presence.configuration().clone();
    scene.host.begin(Some(partition));
    let mut step = Step::new(&mut scene.host, &configuration, partition);
    match identities {
        Some(identities) => {
            let identities: Vec<String> = identities.iter().map(|text| (*text).to_owned()).collect();
            learning::told(&mut step, &source, &identities);
        }
        None => learning::forget(&mut step, source.id),
    }
    scene.cost = scene.host.commit();
}

/// The registrar names these identities for somebody, and everybody has heard of it.
fn name(scene: &mut Scene, presentity: &str, identities: &[&str]) {
    tell(scene, presentity, "scscf", Some(identities));
    scene.settle();
}

fn stage() -> Scene {
    let mut scene = Scene::new(LEARNING);
    map(&mut scene, &[]);
    scene
}

/// The provisioned map: other and fundamental identity.
fn map(scene: &mut Scene, entries: &[(&str, &str)]) {
    scene.map(entries);
}

/// The partition in which a publication under an identity ends; it is removed again.
fn home(scene: &mut Scene, identity: &str) -> String {
    let before: Vec<(String, usize)> = everybody(scene);
    let answer = scene.publish_as(identity, identity, "", &pidf_of(identity, "open", "probe"));
    assert_eq!(answer.status, 200);
    let home = everybody(scene).into_iter().find(|now| !before.contains(now)).unwrap().0;
    let tag = answer.header("SIP-ETag").unwrap();
    let lines = format!("SIP-If-Match: {tag}\nExpires: 0\n");
    assert_eq!(scene.publish_as(identity, identity, &lines, "").status, 200);
    scene.settle();
    scene.answer_all();
    home
}

fn everybody(scene: &Scene) -> Vec<(String, usize)> {
    let partitions = scene.host.partitions();
    partitions.into_iter().map(|name| (name.clone(), scene.has(&name, PUBLICATION))).collect()
}

/// The next SUBSCRIBE of a watcher; gives the document that it is shown.
fn refresh(scene: &mut Scene, phone: &mut Phone) -> String {
    assert_eq!(phone.subscribe(scene, "").status, 200);
    scene.settle();
    let mut body = String::new();
    while let Some(notify) = scene.notifies().first() {
        if notify.uri == format!("sip:{}@192.0.2.1:5070", phone.name) {
            body.clone_from(&notify.body);
        }
        scene.answer(notify, 200);
        scene.settle();
    }
    body
}

/// WPS-31 by what a registrar says: watchers and publishers under an alias deal with the one document.
#[test]
fn an_implicit_registration_set_is_one_presentity() {
    let mut scene = stage();
    name(&mut scene, ALICE, &[ALICE, AL, TEL]);
    scene.publish_note(ALICE, "of alice");
    let bob = Phone::call(&mut scene, "bob", TEL, "");
    assert_eq!(scene.forwards, 1);
    let notify = scene.only_notify();
    assert!(notify.body.contains("of alice") && notify.body.contains(&format!("entity=\"{TEL}\"")));
    scene.answer(&notify, 200);
    assert_eq!((scene.has(TEL, SUBSCRIPTION), scene.has(ALICE, SUBSCRIPTION)), (0, 1));

    scene.publish_note(AL, "of al");
    assert_eq!(scene.forwards, 1);
    let notify = scene.only_notify();
    assert!(notify.body.contains("of alice") && notify.body.contains("of al<"), "{}", notify.body);
    scene.answer(&notify, 200);
    assert_eq!((scene.has(AL, PUBLICATION), scene.has(ALICE, PUBLICATION)), (0, 2));

    let mut bob = bob;
    assert!(refresh(&mut scene, &mut bob).contains("of al<"));
    assert_eq!(bob.subscribe(&mut scene, "Expires: 0\n").status, 200);
    scene.answer_all();
    assert_eq!(scene.has(ALICE, SUBSCRIPTION), 0);
}

/// An entity-tag that was given under the alias goes on under the alias (RFC 3903 section 4.1).
#[test]
fn a_publication_under_an_alias_is_refreshed_and_removed_there() {
    let mut scene = stage();
    name(&mut scene, ALICE, &[ALICE, AL]);
    let first = scene.publish_as(AL, AL, "", &pidf_of(AL, "open", "x"));
    let lines = |tag: &str| format!("SIP-If-Match: {tag}\n");
    let second = scene.publish_as(AL, AL, &lines(first.header("SIP-ETag").unwrap()), "");
    assert_eq!(second.status, 200);
    let gone = lines(second.header("SIP-ETag").unwrap()) + "Expires: 0\n";
    assert_eq!(scene.publish_as(AL, AL, &gone, "").status, 200);
    assert_eq!(scene.has(ALICE, PUBLICATION), 0);
}

/// WPS-29, WPS-31 to WPS-34: what was there before moves as it does when the map changes, and moves back when what
/// was learned is over; each step survives a stop without order.
#[test]
fn subscriptions_from_before_move_and_publications_are_made_anew() {
    for crashes in [false, true] {
        let mut scene = stage();
        let pause = |scene: &mut Scene| {
            if crashes {
                scene.crash(|_| false);
                scene.settle();
                scene.answer_all();
            }
        };
        scene.publish_note(ALICE, "of alice");
        let old = scene.publish_as(AL, AL, "", &pidf_of(AL, "open", "of al"));
        let mut bob = Phone::watch(&mut scene, "bob", AL);
        tell(&mut scene, ALICE, "scscf", Some(&[ALICE, AL]));
        pause(&mut scene);
        scene.settle();
        assert_eq!(scene.has(AL, SUBSCRIPTION), 1, "what was learned moves nothing by itself");

        let body = refresh(&mut scene, &mut bob);
        assert!(body.contains("of alice") && !body.contains("of al<"), "{body}");
        assert_eq!((scene.has(AL, SUBSCRIPTION), scene.has(ALICE, SUBSCRIPTION)), (0, 1));
        pause(&mut scene);
        let tag = format!("SIP-If-Match: {}\n", old.header("SIP-ETag").unwrap());
        assert_eq!(scene.publish_as(AL, AL, &tag, "").status, 412);
        scene.publish_note(AL, "al anew");
        scene.settle();
        assert!(scene.only_notify().body.contains("al anew"));
        scene.answer_all();
        assert!(refresh(&mut scene, &mut bob).contains("al anew"));
        assert_eq!(scene.forwards, 1, "it lives where it is looked for");

        name(&mut scene, ALICE, &[ALICE]);
        pause(&mut scene);
        let body = refresh(&mut scene, &mut bob);
        assert!(body.contains("of al<") && !body.contains("alice"), "{body}");
        assert_eq!((scene.has(AL, SUBSCRIPTION), scene.has(ALICE, SUBSCRIPTION)), (1, 0));
        assert_eq!(home(&mut scene, AL), AL);
    }
}

/// Off, the registrar's word changes nothing, and nothing is read or written for it.
#[test]
fn learning_is_off_unless_it_is_asked_for() {
    let with = |learn: &str| {
        let mut scene = Scene::new(&LEARNING.replace(r#","learn":"registrar""#, learn));
        map(&mut scene, &[]);
        name(&mut scene, ALICE, &[ALICE, AL]);
        scene
    };
    let mut off = with("");
    assert!(off.host.partitions().is_empty());
    let mut on = with(r#","learn":"registrar""#);
    off.publish_note(ALICE, "x");
    on.publish_note(ALICE, "x");
    assert_eq!(on.cost.storage_calls, off.cost.storage_calls + 1);
    assert_eq!(home(&mut off, AL), AL);
    assert_eq!(home(&mut on, AL), ALICE);
}

/// What is provisioned wins: identities of the map are no aliases, whichever row they are in.
#[test]
fn the_provisioned_map_wins() {
    let mut scene = stage();
    map(&mut scene, &[(AL, CAROL)]);
    name(&mut scene, ALICE, &[ALICE, AL, CAROL, TEL]);
    assert_eq!(home(&mut scene, AL), CAROL);
    assert_eq!(home(&mut scene, CAROL), CAROL);
    assert_eq!(home(&mut scene, TEL), ALICE);
    // A map that comes later wins, too, though nobody has told the registrar.
    map(&mut scene, &[(TEL, CAROL), ("sip:else@example.com", ALICE)]);
    assert_eq!(home(&mut scene, TEL), CAROL);
    map(&mut scene, &[("sip:else@example.com", TEL)]);
    assert_eq!(home(&mut scene, TEL), TEL);
    map(&mut scene, &[]);
    assert_eq!(home(&mut scene, TEL), ALICE);
}

/// Only what is served here, in the form in which identities are compared; communities are not listened to.
#[test]
fn aliases_are_normalized_and_served_here() {
    let mut scene = stage();
    let odd = [
        "sip:AL@Example.com:5060;transport=tcp",
        "sip:al@elsewhere.example",
        "mailto:al@example.com",
        "%",
        "",
    ];
    name(&mut scene, ALICE, &odd);
    let learned: Vec<String> =
        scene.host.partitions().into_iter().filter(|name| scene.has(name, LEARNED[0]) > 0).collect();
    assert_eq!(learned.len(), 2, "{learned:?}");
    assert_eq!(home(&mut scene, "sip:AL@example.com"), ALICE);
    tell(&mut scene, CAROL, "east", Some(&[CAROL, TEL]));
    scene.settle();
    assert_eq!(home(&mut scene, TEL), TEL);
}

/// What the registrar no longer names is withdrawn, and so is all with the subscription there. A user without any
/// registration keeps the aliases.
#[test]
fn what_is_named_no_longer_is_forgotten() {
    let mut scene = stage();
    name(&mut scene, ALICE, &[ALICE, AL, TEL]);
    name(&mut scene, ALICE, &[]);
    assert_eq!((home(&mut scene, AL), home(&mut scene, TEL)), (ALICE.to_owned(), ALICE.to_owned()));
    name(&mut scene, ALICE, &[ALICE, TEL]);
    assert_eq!((home(&mut scene, AL), home(&mut scene, TEL)), (AL.to_owned(), ALICE.to_owned()));
    tell(&mut scene, ALICE, "scscf", None);
    scene.settle();
    assert_eq!(home(&mut scene, TEL), TEL);
    scene.pass(3 * DAY);
    let left: usize = [ALICE, AL, TEL].map(|name| scene.host.records(name, b"").len()).iter().sum();
    assert_eq!(left, 0, "nothing is left");
}

/// A claim holds as long as it is confirmed, which is done now and then; one that nobody confirms ends.
#[test]
fn a_claim_is_confirmed_or_ends() {
    let mut scene = stage();
    name(&mut scene, ALICE, &[ALICE, AL]);
    let mut posts = 0;
    for hour in 0..96 {
        scene.host.advance(3_600_000);
        tell(&mut scene, ALICE, "scscf", Some(if hour % 3 == 0 { &[] } else { &[ALICE, AL] }));
        posts += scene.host.posts().len();
        scene.settle();
        if hour % 8 == 0 {
            assert_eq!(home(&mut scene, AL), ALICE, "hour {hour}");
        }
    }
    assert!((2..=4).contains(&posts), "{posts}");
    scene.pass(3 * DAY);
    assert_eq!(home(&mut scene, AL), AL);
}

/// Posts come at least once: one that comes again, even a claim behind its withdrawal, changes nothing.
#[test]
fn late_posts_change_nothing() {
    let mut scene = stage();
    tell(&mut scene, ALICE, "scscf", Some(&[ALICE, AL]));
    let [(to, claim)] = &scene.host.posts()[..] else { panic!() };
    let (to, claim) = (to.clone(), claim.clone());
    scene.settle();
    tell(&mut scene, ALICE, "scscf", Some(&[ALICE]));
    let [(_, withdrawal)] = &scene.host.posts()[..] else { panic!() };
    let withdrawal = withdrawal.clone();
    scene.settle();
    scene.post(&to, &claim);
    assert_eq!(home(&mut scene, AL), AL);
    name(&mut scene, ALICE, &[ALICE, AL]);
    scene.post(&to, &withdrawal);
    scene.post(&to, &claim);
    assert_eq!(home(&mut scene, AL), ALICE);
}

/// Two presentities claim one alias: the first keeps it while it confirms it, the operator is told once, and the
/// second has it when the first gives it up.
#[test]
fn of_two_that_claim_an_alias_the_first_keeps_it() {
    let mut scene = stage();
    name(&mut scene, ALICE, &[ALICE, AL]);
    for _ in 0..4 {
        name(&mut scene, CAROL, &[CAROL, AL]);
        scene.pass(DAY + 1);
        name(&mut scene, ALICE, &[ALICE, AL]);
        assert_eq!(home(&mut scene, AL), ALICE);
    }
    let told = scene.host.lines.iter().filter(|line| line.contains("for two users")).count();
    assert_eq!(told, 1, "{:?}", scene.host.lines);
    name(&mut scene, ALICE, &[ALICE]);
    assert_eq!(home(&mut scene, AL), CAROL);
    // Had it given up, too, nobody would have it.
    name(&mut scene, ALICE, &[ALICE, AL]);
    name(&mut scene, ALICE, &[ALICE]);
    name(&mut scene, CAROL, &[CAROL]);
    assert_eq!(home(&mut scene, AL), AL);
}

/// Each member of a set may be watched, and so learn of the others: one of them becomes the head of all. It is the
/// one that is provisioned, else the first.
#[test]
fn members_of_a_set_agree_on_one_head() {
    let set = [ALICE, AL, TEL];
    let mut scene = stage();
    name(&mut scene, AL, &set);
    for member in set {
        name(&mut scene, member, &set);
    }
    for member in set {
        assert_eq!(home(&mut scene, member), AL);
    }
    map(&mut scene, &[("sip:more@example.com", ALICE)]);
    scene.pass(1_000);
    name(&mut scene, ALICE, &set);
    name(&mut scene, AL, &set);
    name(&mut scene, ALICE, &set);
    for member in [ALICE, AL, TEL, "sip:more@example.com"] {
        assert_eq!(home(&mut scene, member), ALICE);
    }
}

/// A registrar that knows all users of the domain.
const ASKED: &str = r#"{"presence":{"domains":["example.com"],"notify_interval":0},
    "identity":{"map":true,"learn":"registrar"},"rules":{"enabled":true,"default":"allow"},
    "external":{"super_user":"sip:presence@example.com",
        "registrar":[{"name":"scscf","domain":"example.com","target":"sip:192.0.2.20","grace":0}]}}"#;

/// The registrar sends a NOTIFY in the dialog of a SUBSCRIBE: these are registered, with one phone.
fn registered(far: &mut Far, ask: &Ask, cseq: u32, state: &str, aors: &[&str]) -> u16 {
    let registration = |(number, aor): (usize, &&str)| {
        format!(
            "<registration aor='{aor}' id='r{number}' state='active'><contact id='c' state='active' event='created'>\
             <uri>sip:phone@192.0.2.77</uri></contact></registration>"
        )
    };
    let registrations: String = aors.iter().enumerate().map(registration).collect();
    let body = format!(
        "<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='{cseq}' state='full'>{registrations}</reginfo>"
    );
    let lines = format!("Subscription-State: {state}\nEvent: reg\n");
    far.notify_with(ask, "far", cseq, &lines, THERE, "application/reginfo+xml", &body).status
}

/// From the registrar's NOTIFY to a watcher of an alias, with one subscription at the registrar for all of them and a
/// stop without order at any time; the end of that subscription is the end of what was learned.
#[test]
fn what_the_registrar_notifies_is_learned() {
    let mut far = Far::new(ASKED);
    let ask = far.only_ask();
    assert_eq!(ask.header("Event"), "reg");
    far.accept(&ask, 3_761);
    assert_eq!(registered(&mut far, &ask, 1, "active;expires=3761", &[ALICE, AL]), 200);
    far.crash();
    far.settle();

    let carol = Phone::call(&mut far.scene, "carol", AL, "");
    far.scene.settle();
    let body = far.scene.only_notify().body;
    assert!(body.contains(&format!("entity=\"{AL}\"")) && body.contains("<basic>open</basic>"), "{body}");
    assert!(body.contains(ALICE) && !body.contains("192.0.2.77"), "{body}");
    far.settle();
    assert_eq!((far.scene.has(AL, SUBSCRIPTION), far.scene.has(ALICE, SUBSCRIPTION)), (0, 2));
    assert!(far.asks().is_empty(), "nobody asks the registrar about the alias");

    far.crash();
    far.settle();
    assert_eq!(registered(&mut far, &ask, 2, "active;expires=3700", &[ALICE, AL, TEL]), 200);
    assert_eq!(home(&mut far.scene, TEL), ALICE);
    far.settle();
    let mut carol = carol;
    assert_eq!(registered(&mut far, &ask, 3, "terminated;reason=rejected", &[]), 200);
    far.crash();
    far.settle();
    assert_eq!(home(&mut far.scene, TEL), TEL);
    let body = refresh_through(&mut far, &mut carol);
    assert!(!body.contains(ALICE), "{body}");
    assert_eq!((far.scene.has(AL, SUBSCRIPTION), far.scene.has(ALICE, SUBSCRIPTION)), (1, 1));
}

/// A subscription at the registrar about an identity that became an alias goes on where it is until it ends there:
/// its NOTIFYs are taken, and nothing is claimed by them.
#[test]
fn notifies_about_an_alias_find_their_subscription() {
    let mut far = Far::on(Scene::new(ASKED));
    far.scene.map(&[]);
    let mut bob = Phone::watch(&mut far.scene, "bob", AL);
    far.settle();
    let ask = far.only_ask();
    assert_eq!(ask.sent.request.uri, AL);
    far.accept(&ask, 3_761);
    // The registrar tells alice's partition first.
    tell(&mut far.scene, ALICE, "scscf", Some(&[ALICE, AL]));
    far.settle();
    assert_eq!(registered(&mut far, &ask, 1, "active;expires=3761", &[ALICE, AL]), 200);
    assert_eq!(home(&mut far.scene, AL), ALICE);
    refresh_through(&mut far, &mut bob);
    assert_eq!((far.scene.has(AL, SUBSCRIPTION), far.scene.has(ALICE, SUBSCRIPTION)), (0, 1));
    let asked: Vec<String> = far.asks().into_iter().map(|ask| ask.sent.request.uri).collect();
    assert!(asked.iter().any(|uri| uri == ALICE), "alice is watched now: {asked:?}");
    assert_eq!(registered(&mut far, &ask, 2, "terminated;reason=noresource", &[]), 200);
    assert_eq!(home(&mut far.scene, AL), ALICE);
}

/// As [`refresh`], where a source is asked, too.
fn refresh_through(far: &mut Far, phone: &mut Phone) -> String {
    assert_eq!(phone.subscribe(&mut far.scene, "").status, 200);
    far.scene.settle();
    let target = format!("sip:{}@192.0.2.1:5070", phone.name);
    let notify = far.scene.notifies().into_iter().find(|notify| notify.uri == target);
    far.settle();
    notify.map(|notify| notify.body).unwrap_or_default()
}

/// What happens around a set.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// The registrar names the set to a member.
    Told(usize),
    /// A member's subscription at the registrar ends.
    Forgot(usize),
    /// The registrar names the member alone to it.
    Alone(usize),
    Publish(usize),
    Refresh(usize),
    /// One of the posts that wait is delivered.
    Run(usize),
    Settle,
    Pass(u64),
    /// By its bits it says which relaxed steps survive.
    Crash(u64),
    /// All so far is safe.
    Flush,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..3_usize).prop_map(Event::Told),
        1 => (0..3_usize).prop_map(Event::Forgot),
        1 => (0..3_usize).prop_map(Event::Alone),
        2 => (0..3_usize).prop_map(Event::Publish),
        3 => (0..3_usize).prop_map(Event::Refresh),
        6 => (0..4_usize).prop_map(Event::Run),
        1 => Just(Event::Settle),
        2 => (1..2_000_u64).prop_map(Event::Pass),
        1 => any::<u64>().prop_map(Event::Crash),
        1 => Just(Event::Flush),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever order things happen in: no request is lost or goes round, and once the registrar has told all members
    /// the same, they have one head, one document, and every watcher is shown it at its next SUBSCRIBE.
    #[test]
    fn members_come_together_whatever_happens(events in vec(event(), 1..40)) {
        let set = [ALICE, AL, TEL];
        let mut scene = stage();
        let names = ["one", "two", "three"];
        let mut phones: Vec<Phone> =
            names.iter().zip(set).map(|(name, target)| Phone::watch(&mut scene, name, target)).collect();
        for event in events {
            match event {
                Event::Told(member) => tell(&mut scene, set[member], "scscf", Some(&set)),
                Event::Alone(member) => tell(&mut scene, set[member], "scscf", Some(&[set[member]])),
                Event::Forgot(member) => tell(&mut scene, set[member], "scscf", None),
                Event::Publish(member) => scene.publish_note(set[member], "early"),
                Event::Refresh(member) => {
                    let status = phones[member].subscribe(&mut scene, "").status;
                    // On its way (500 with Retry-After) at most.
                    prop_assert!(status == 200 || status == 500, "{status}");
                }
                Event::Run(place) => {
                    scene.host.hasten(place);
                    scene.run_one();
                }
                Event::Settle => {
                    scene.settle();
                    scene.answer_all();
                }
                Event::Pass(time) => scene.host.advance(time),
                Event::Crash(lucky) => scene.crash(|step| (lucky >> (step % 64)) & 1 == 1),
                Event::Flush => scene.host.flush(),
            }
        }
        scene.settle();
        scene.answer_all();
        scene.settle();
        for round in 0..3 {
            for member in set {
                name(&mut scene, member, &set);
            }
            prop_assert!(round < 2 || scene.host.posts().is_empty());
        }
        let head = home(&mut scene, ALICE);
        for member in set {
            prop_assert_eq!(&home(&mut scene, member), &head);
            scene.publish_note(member, &format!("news of {member}"));
            scene.settle();
            scene.answer_all();
        }
        for phone in &mut phones {
            refresh(&mut scene, phone);
            let body = refresh(&mut scene, phone);
            for member in set {
                prop_assert!(body.contains(&format!("news of {member}")), "{} {}", phone.target, body);
            }
        }
        for member in set {
            let expected = if member == head { 3 } else { 0 };
            prop_assert_eq!(scene.has(member, SUBSCRIPTION), expected);
        }
    }
}
