//! Owns the run of the whole story as a test.
//! Takes a temporary folder; gives a pass only if every check of the story is right.
//! Must never share state with another run.

use frostguard_tests::story::tell;

#[test]
fn the_story_of_the_dying_freezer_ends_well_with_every_check_right() {
    let state = tempfile::tempdir().expect("a temporary folder");
    let mut printed = Vec::new();
    let mut outcome = tell(&state.path().join("world"), &mut printed);
    outcome.print_table();
    let passed = outcome.passed();
    assert!(passed, "{}", String::from_utf8_lossy(&printed));
}
