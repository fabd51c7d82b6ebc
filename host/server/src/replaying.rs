//! `rollcall replay`: a recording, told or run on another component.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use rollcall_engine::{Contents, Ending, Recording, Replay, ReplayOptions, Why, contents, replay};
use serde_json::{Value, json};

use crate::command::Replay as Wish;
use crate::configuration::Configuration;
use crate::remote::Say;
use crate::server;

/// What a replay has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every step did the same.
    Same,
    /// Some did not.
    Differs,
}

/// Replays a recording as it is wished for, or tells what is in it.
///
/// # Errors
/// Why it cannot be done, in words for an operator.
pub fn run(wish: &Wish, say: &mut Say<'_>) -> Result<Verdict, String> {
    let mut recording = opened(&wish.file)?;
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", wish.file.display());
    let Some(component) = &wish.component else {
        let contents = contents(&mut recording).map_err(|error| told(&error))?;
        say(&if wish.json { listed_json(&contents) } else { listed(&contents) });
        return Ok(Verdict::Same);
    };
    let bytes = std::fs::read(component).map_err(|error| format!("{}: {error}", component.display()))?;
    let (config, chosen) = match &wish.config {
        None => (rollcall_engine::EngineConfig::default(), None),
        Some(file) => server::replayed_with(&configuration(file)?)?,
    };
    let options = ReplayOptions { component: &bytes, config, chosen };
    let done = replay(&mut recording, &options, &mut |_| {}).map_err(|error| match error {
        rollcall_engine::ReplayError::Component(error) => format!("{}: {error}", component.display()),
        error => told(&error),
    })?;
    say(&if wish.json { replayed_json(&done) } else { replayed(&done) });
    Ok(if done.report.differ == 0 { Verdict::Same } else { Verdict::Differs })
}

/// What is in a recording, in a few lines.
///
/// # Errors
/// It cannot be read.
pub fn summary(file: &Path) -> Result<String, String> {
    let contents = contents(&mut opened(file)?).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(listed(&contents))
}

fn opened(file: &Path) -> Result<Recording<BufReader<File>>, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let opened = File::open(file).map_err(|error| told(&error))?;
    Recording::open(BufReader::with_capacity(1 << 20, opened)).map_err(|error| told(&error))
}

fn configuration(file: &Path) -> Result<Configuration, String> {
    let reading = Configuration::read(file).map_err(|error| error.to_string())?;
    reading.finish().map_err(|problems| problems.to_string())
}

fn replayed(done: &Replay) -> String {
    format!("{}{}", done.report, ending(done.ending.as_ref()))
}

fn replayed_json(done: &Replay) -> String {
    let left_out = done.ending.as_ref().map(|ending| ending.left_out);
    format!("{}\n", json!({ "report": done.report, "complete": done.ending.is_some(), "left_out": left_out }))
}

fn ending(ending: Option<&Ending>) -> String {
    match ending {
        None => "the recording was cut off here\n".to_owned(),
        Some(ending) if ending.left_out > 0 => {
            format!("the recording lacks {} steps, which came too fast for it\n", ending.left_out)
        }
        Some(_) => String::new(),
    }
}

fn listed(contents: &Contents) -> String {
    let steps: u64 = contents.steps.values().map(|(count, ..)| count).sum();
    let (first, last) = contents.time.unwrap_or_default();
    let mut text = format!(
        "{steps} steps of {} partitions within {:.1} s\n",
        contents.partitions,
        last.saturating_sub(first) as f64 / 1e3
    );
    for component in &contents.components {
        text.push_str(&format!("  {} {} ({})\n", component.name, component.version, component.digest()));
    }
    for (name, (count, failed, took)) in &contents.steps {
        let each = took.checked_div(*count).unwrap_or_default();
        text.push_str(&format!("{count:>9}  {name}, {each} us each"));
        text.push_str(&if *failed > 0 { format!(", {failed} failed\n") } else { "\n".to_owned() });
    }
    if let Some(end) = &contents.ending {
        text.push_str(match end.why {
            Why::Asked => "",
            Why::Time => "ended by its time\n",
            Why::Limit => "ended by its size\n",
            Why::Stopped => "ended with the server\n",
        });
    }
    if contents.components.iter().any(|component| holds_password(&component.configuration)) {
        text.push_str(
            "it holds passwords of sources outside: keep it to yourself, and delete it when you are done\n",
        );
    }
    text + &ending(contents.ending.as_ref())
}

/// Whether a configuration has a password in it.
fn holds_password(configuration: &str) -> bool {
    fn is_in(value: &Value) -> bool {
        match value {
            Value::Object(members) => members.iter().any(|(name, value)| name == "password" || is_in(value)),
            Value::Array(values) => values.iter().any(is_in),
            _ => false,
        }
    }
    serde_json::from_str(configuration).is_ok_and(|value| is_in(&value))
}

fn listed_json(contents: &Contents) -> String {
    let components = contents.components.iter().map(|component| {
        let (name, version) = (&component.name, &component.version);
        json!({ "name": name, "version": version, "digest": component.digest().to_string() })
    });
    let steps = contents.steps.iter().map(|(name, (count, failed, took))| {
        json!({ "input": name, "steps": count, "failed": failed, "microseconds": took })
    });
    let left_out = contents.ending.as_ref().map(|ending| ending.left_out);
    let listed = json!({
        "components": components.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
        "partitions": contents.partitions,
        "complete": contents.ending.is_some(),
        "left_out": left_out,
        "passwords": contents.components.iter().any(|component| holds_password(&component.configuration)),
    });
    format!("{listed}\n")
}
