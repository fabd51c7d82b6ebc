//! What an operator is told of generations and of steps that failed.

use rollcall_engine::{Description, Digest, Engine, FailedStep, GenerationInfo, GenerationState};

use crate::admin::{Candidate, Failure, Generation, State};

/// Those that are kept or remembered, the running one first.
pub(super) fn known(engine: &Engine) -> Vec<Generation> {
    engine.generations().into_iter().map(told).collect()
}

/// Number of the running one.
pub(super) fn running(engine: &Engine) -> u64 {
    engine.generations().first().map_or(0, |generation| generation.number)
}

/// Why there is nothing to go back to.
pub(super) fn nothing_earlier(engine: &Engine) -> Vec<String> {
    let withdrawn = known(engine).into_iter().find(|generation| generation.state == State::Withdrawn);
    let mut told = vec!["there is no earlier generation".to_owned()];
    told.extend(withdrawn.map(|Generation { number, name, version, why, .. }| {
        let why = why.unwrap_or_default();
        format!("the server went back from generation {number} ({name} {version}) by itself: {why}; swap it in to try it again")
    }));
    told
}

fn told(info: GenerationInfo) -> Generation {
    let mut generation = Generation {
        number: info.number,
        name: info.name,
        version: info.version,
        digest: info.digest.to_string(),
        identity_rules: info.identity_rules.map(|digest| digest.to_string()),
        running: false,
        state: State::Running,
        trial_until: None,
        way_back: None,
        withdrawn_at: None,
        why: None,
    };
    match info.state {
        GenerationState::Running { trial, way_back } => {
            generation.running = true;
            generation.trial_until = trial;
            generation.way_back = way_back;
        }
        GenerationState::Previous => generation.state = State::Previous,
        GenerationState::Fallback => generation.state = State::Fallback,
        GenerationState::Withdrawn { at, why } => {
            generation.state = State::Withdrawn;
            generation.withdrawn_at = Some(at);
            generation.why = Some(why);
        }
    }
    generation
}

/// A component that could be swapped in.
pub(super) fn candidate(engine: &Engine, description: Description, digest: Digest) -> Candidate {
    Candidate {
        way_back: engine.description().reads_schemas.contains(&description.writes_schema),
        name: description.name,
        version: description.version,
        digest: digest.to_string(),
        reads_schemas: description.reads_schemas,
        writes_schema: description.writes_schema,
    }
}

/// Steps that failed lately.
pub(super) fn failures(engine: &Engine) -> Vec<Failure> {
    engine.failures().into_iter().map(failure).collect()
}

fn failure(step: FailedStep) -> Failure {
    Failure {
        id: step.id,
        generation: step.generation,
        version: step.version,
        cause: step.cause.name().to_owned(),
        message: step.message,
        count: step.count,
        first: step.first,
        last: step.last,
        step: step.step,
        kind: step.kind.name().to_owned(),
        partition: step.partition,
        input: step.summary,
        backtrace: step.backtrace,
        log: step.log,
        recorded: step.recorded,
        repeats: step.repeats,
    }
}
