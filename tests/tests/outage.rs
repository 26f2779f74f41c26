//! Owns the run of the outage's story as a test.
//! Takes a temporary folder; gives a pass only if every check of the story is right.
//! Must never share state with another run.

use frostguard_tests::outage::tell;

#[test]
fn an_outage_leaves_no_trace_but_a_gapless_record_and_every_edit_of_it_is_found() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut printed = Vec::new();
    let mut outcome = tell(&state.path().join("outage"), &mut printed);
    outcome.print_table();
    let passed = outcome.passed();
    assert!(passed, "{}", String::from_utf8_lossy(&printed));
}
