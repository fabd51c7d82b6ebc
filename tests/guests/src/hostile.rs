//! What the test plugin does to its host. The plugin implements every word, and a test target
//! that calls `foreach_hostile` has a test of the same name for each: a word that is missing on
//! either side does not compile.

/// Calls a macro with the names of all hostile words.
#[macro_export]
macro_rules! foreach_hostile {
    ($call:ident) => {
        $call! {
            traps,
            spins,
            recurses,
            grows,
            calls_without_end,
            sends_a_million,
            writes_a_million,
            posts_a_million,
            stages_many_bytes,
            floods_the_log,
            uses_a_giant_key,
            uses_a_giant_value,
            posts_a_giant,
            keeps_a_giant,
            scans_more_than_fits,
            enters_a_second_partition,
            enters_no_partition,
            enters_a_bad_partition,
            sends_bare_headers,
            sends_two_messages,
            answers_two_messages,
            answers_a_bad_status,
            logs_bad_text,
            enters_bad_text,
            answers_bad_text,
            asks_for_much_randomness,
            passes_with_effects,
            forwards_with_effects,
            forwards_nowhere,
            forwards_to_a_long_name,
            forwards_a_giant,
        }
    };
}
