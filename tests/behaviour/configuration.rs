//! A configuration with problems: all of them are told, and nothing starts (design 8).

use rollcall_tests::{Config, Server};

fn refused(config: Config) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refusal = Server::refused(&folder, config);
    assert!(!refusal.status.success(), "the exit code tells: {}", refusal.status);
    assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
    assert!(!folder.path().join("data").exists(), "nothing was started:\n{}", refusal.output);
    (folder, refusal.output)
}

/// Design 8: each problem is told with file, key and what was expected: those that the host finds,
/// in one go.
#[test]
fn every_problem_is_told_at_once() {
    let config = Config::new()
        .set("sip.listen", vec!["udp:127.0.0.1:99999", "carrier-pigeon:127.0.0.1:5060"])
        .set("sip.trusted", "not a list")
        .set("sip.nonesuch", true)
        .set("storage.engine", "punch-cards")
        .set("plugin.limits.deadline", "eventually")
        .set("admin.listen", "nowhere");
    let (_folder, output) = refused(config);
    for key in [
        "sip.listen[0]",
        "sip.listen[1]",
        "sip.trusted",
        "sip.nonesuch",
        "storage.engine",
        "plugin.limits.deadline",
        "admin.listen",
    ] {
        let line = output.lines().find(|line| line.contains(key));
        let line = line.unwrap_or_else(|| panic!("nothing about {key} in:\n{output}"));
        assert!(line.contains("rollcall.toml"), "the file: {line}");
    }
    assert!(output.contains("udp:ADDRESS:PORT") || output.contains("udp:127.0.0.1:5060"), "{output}");
}

/// Design 2 and 8: the component tells every problem of its own sections.
#[test]
fn the_component_tells_its_problems() {
    let config = Config::new()
        .set("presence.expires.min", "short")
        .set("presence.notify_interval", -5)
        .set("presence.domains", 7)
        .set("rules.default", "perhaps");
    let (_folder, output) = refused(config);
    for key in ["presence.expires.min", "presence.notify_interval", "presence.domains", "rules.default"] {
        let line = output.lines().find(|line| line.contains(key));
        let line = line.unwrap_or_else(|| panic!("nothing about {key} in:\n{output}"));
        assert!(line.contains("rollcall.toml"), "the file: {line}");
    }
    for word in ["allow", "confirm", "block", "polite-block"] {
        assert!(output.contains(word), "what was expected for rules.default:\n{output}");
    }
}

/// Design 8: values that do not go together are a problem of both.
#[test]
fn values_that_do_not_fit_together_are_refused() {
    let expires = |min: i64, default: i64, max: i64| {
        Config::new()
            .set("presence.expires.min", min)
            .set("presence.expires.default", default)
            .set("presence.expires.max", max)
    };
    let (_folder, output) = refused(expires(600, 300, 86400));
    assert!(output.contains("presence.expires"), "{output}");
    let (_folder, output) = refused(expires(60, 3600, 1800));
    assert!(output.contains("presence.expires"), "{output}");
}

/// Design 8: a file that is not TOML, and an address that is taken, end the start with a sentence.
#[test]
fn an_address_that_is_taken_is_told() {
    let server = Server::shared();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = Config::new().set("sip.listen", vec![format!("tcp:{}", server.tcp())]);
    let refusal = Server::refused(&folder, config);
    assert!(!refusal.status.success());
    assert!(refusal.output.contains(&server.tcp().to_string()), "{}", refusal.output);
    assert!(!refusal.output.contains("panicked"), "{}", refusal.output);
}
