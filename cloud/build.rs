//! Builds again when a migration comes or changes: the program carries them inside.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/cloud");
}
