//! What sources outside cost: 100,000 users with one registrar source each, played by a stub.
//!
//! Memory for each back-end dialog, CPU time of a new subscription, of a refresh and of a NOTIFY that
//! changes nothing, and how it goes when the registrar was gone for a minute.

use super::folder;
use rollcall_tests::load::{Registrar, Tally, cpu, resident};
use rollcall_tests::{Config, Server};
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// What `--only` is matched with.
pub const NAME: &str = "registrar source, 100000 users";

/// Users, each with one subscription at the registrar.
const USERS: usize = 100_000;
/// New subscriptions a second that are allowed.
const RATE: u32 = 4_000;
/// Seconds that the registrar grants: short, so that there are refreshes enough to measure.
const GRANTED: u32 = 180;
/// NOTIFYs a second of users who register again.
const NOTIFIES: u32 = 1_000;
/// How long the registrar is gone.
const OUTAGE: Duration = Duration::from_secs(60);
/// Longest time for anything.
const LIMIT: Duration = Duration::from_secs(300);

/// Measures and prints.
pub fn measure() {
    eprintln!("{NAME}");
    let registrar = Registrar::start(GRANTED);
    let folder = folder();
    let users = folder.path().join("users.json");
    std::fs::write(&users, directory()).expect("write the directory");
    let source = toml::Table::from_iter([
        ("name".to_owned(), toml::Value::from("scscf")),
        ("target".to_owned(), format!("sip:{}", registrar.address()).into()),
        ("identities".to_owned(), users.display().to_string().into()),
        ("start".to_owned(), "always".into()),
        ("rate".to_owned(), RATE.into()),
    ]);
    let config = Config::new()
        .set("log.filter", "warn")
        .set("external.super_user", "sip:presence@example.com")
        .set("external.registrar", vec![toml::Value::Table(source)]);
    let mut server = Server::start_in(folder, config);
    let pid = server.pid();

    let (memory, spent, begun) = (resident(pid), cpu(pid), Instant::now());
    wait("all users subscribed", || registrar.tally().notified >= USERS as u64);
    let (taken, spent) = (begun.elapsed(), cpu(pid).saturating_sub(spent));
    // What is in flight ends, and what loading has left behind is given back.
    std::thread::sleep(Duration::from_secs(10));
    let grown = resident(pid).saturating_sub(memory);
    println!("\n{NAME}");
    println!("  memory: {} bytes a user, {} MB in all", grown / USERS as u64, resident(pid) >> 20);
    println!(
        "  all subscribed in {:.0} s ({:.0} a second, {RATE} allowed), {:.0} us CPU each",
        taken.as_secs_f64(),
        USERS as f64 / taken.as_secs_f64(),
        each(spent, USERS as u64)
    );

    let during = |time: Duration| {
        let (before, spent) = (registrar.tally(), cpu(pid));
        std::thread::sleep(time);
        let (after, spent) = (registrar.tally(), cpu(pid).saturating_sub(spent));
        (after.since(&before), spent)
    };
    // The first refreshes come at half of what was granted.
    wait("the first refreshes", || registrar.tally().refreshes > 0);
    let (refreshed, spent) = during(Duration::from_secs(20));
    let cost = each(spent, refreshed.refreshes);
    // As many as the RFC's default of 3761 s brings about, refreshed after 70 % of it on average.
    let usual = USERS as f64 / (3_761.0 * 0.7);
    println!(
        "  refresh with NOTIFY: {:.0} a second, {cost:.0} us CPU each; at 3761 s that would be {usual:.0} a second, \
         {:.2} % of a processor",
        refreshed.refreshes as f64 / 20.0,
        usual * cost / 1e4
    );

    let (quiet, spent_quiet) = during(Duration::from_secs(10));
    registrar.register_again(NOTIFIES);
    let (loud, spent_loud) = during(Duration::from_secs(10));
    registrar.register_again(0);
    let more = loud.notified.saturating_sub(quiet.notified).max(1);
    let cost = each(spent_loud.saturating_sub(spent_quiet), more);
    println!("  NOTIFY of a user registered again: {cost:.0} us CPU");

    registrar.set_alive(false);
    std::thread::sleep(OUTAGE);
    let (waiting, back, before) = (registrar.ignored(), Instant::now(), registrar.tally());
    registrar.set_alive(true);
    let mut busiest = 0;
    let mut last = (Instant::now(), before);
    wait("everybody back", || {
        if last.0.elapsed() >= Duration::from_secs(1) {
            let now = registrar.tally();
            busiest = busiest.max(now.since(&last.1).subscribes);
            last = (Instant::now(), now);
        }
        registrar.ignored() == 0
    });
    let after = registrar.tally().since(&before);
    println!(
        "  registrar gone for {} s: {waiting} users were due meanwhile; all back after {:.0} s, {} subscribed anew, at most {busiest} \
         SUBSCRIBEs in a second",
        OUTAGE.as_secs(),
        back.elapsed().as_secs_f64(),
        after.subscribes - after.refreshes
    );
    let Tally { refused, .. } = registrar.tally();
    if refused > 0 {
        println!("  {refused} NOTIFYs were not answered 200");
    }
    server.stop();
}

fn directory() -> String {
    let mut text = String::from("{\n");
    for user in 0..USERS {
        let comma = if user + 1 < USERS { "," } else { "" };
        let _ = writeln!(text, "\"sip:user{user}@example.com\": \"sip:user{user}@example.com\"{comma}");
    }
    text.push('}');
    text
}

fn each(spent: Duration, count: u64) -> f64 {
    spent.as_micros() as f64 / count.max(1) as f64
}

#[track_caller]
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
