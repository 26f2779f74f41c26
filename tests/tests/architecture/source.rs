//! A source file as the checks see it: its code without comments, strings and unit tests, and its strings apart.
//!
//! In: the text of one Rust file. Out: texts with the same line numbers. No parser: a walk over the characters
//! that knows comments, every form of string, and where a `#[cfg(test)]` item ends.

/// One Rust file, split into what the checks ask about. All texts keep the line numbers of the file.
pub struct Source {
    /// Path from the top of the repository.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// Code alone: comments blanked, strings emptied.
    pub code: String,
    /// `code` with every `#[cfg(test)]` item blanked too.
    pub shipped: String,
    /// String literals outside `#[cfg(test)]` items, with their line.
    pub strings: Vec<(usize, String)>,
}

impl Source {
    /// Splits the text of one file.
    pub fn new(path: &str, text: &str) -> Self {
        let (code, all_strings) = scrub(text);
        let shipped = without_test_items(&code);
        let kept: Vec<bool> =
            code.lines().zip(shipped.lines()).map(|(before, after)| before == after).collect();
        let strings =
            all_strings.into_iter().filter(|(line, _)| kept.get(line - 1).copied().unwrap_or(true)).collect();
        Self { path: path.to_owned(), text: text.to_owned(), code, shipped, strings }
    }

    /// The module path inside the crate: `edge/src/sources/ble.rs` is `["sources", "ble"]`.
    pub fn module(&self) -> Vec<&str> {
        let inside = self.path.split_once("/src/").map_or(self.path.as_str(), |(_, inside)| inside);
        let mut parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        if matches!(parts.last(), Some(&"mod" | &"lib" | &"main")) {
            parts.pop();
        }
        parts
    }
}

/// Makes a file that another one declares as `#[cfg(test)] mod name;` a file of tests, with nothing shipped in it.
pub fn set_test_files_apart(sources: &mut [Source]) {
    let test_files: Vec<String> = sources.iter().flat_map(test_files_of).collect();
    for source in sources.iter_mut().filter(|source| test_files.contains(&source.path)) {
        source.shipped = "\n".repeat(source.text.lines().count());
        source.strings.clear();
    }
}

/// Paths at which the test modules that a file declares may stand.
fn test_files_of(source: &Source) -> Vec<String> {
    let (folder, file) = source.path.rsplit_once('/').unwrap_or(("", &source.path));
    let stem = file.trim_end_matches(".rs");
    let inner =
        if matches!(stem, "mod" | "lib" | "main") { folder.to_owned() } else { format!("{folder}/{stem}") };
    let lines: Vec<(&str, &str)> =
        source.code.lines().map(str::trim).zip(source.text.lines().map(str::trim)).collect();
    let mut found = Vec::new();
    for at in
        lines.iter().enumerate().filter(|(_, (code, _))| code.starts_with("#[cfg(test)]")).map(|(at, _)| at)
    {
        let mut path = None;
        for (code, text) in &lines[at + 1..] {
            if code.starts_with("#[path") {
                path = text.split('"').nth(1);
            } else if !code.starts_with("#[") {
                let name = code.strip_suffix(';').and_then(|code| code.split("mod ").nth(1));
                match (name, path) {
                    (Some(_), Some(path)) => found.push(format!("{folder}/{path}")),
                    (Some(name), None) => {
                        found.extend([format!("{inner}/{name}.rs"), format!("{inner}/{name}/mod.rs")]);
                    }
                    (None, _) => {}
                }
                break;
            }
        }
    }
    found
}

/// What the walk is inside of.
enum Inside {
    Code,
    LineComment,
    BlockComment(usize),
    Text { raw_hashes: Option<usize>, from_line: usize, literal: String },
}

/// Blanks comments and empties strings; returns the code, and the strings with the line each begins on.
fn scrub(text: &str) -> (String, Vec<(usize, String)>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut strings) = (String::with_capacity(text.len()), Vec::new());
    let (mut at, mut line, mut inside) = (0, 1, Inside::Code);
    while at < chars.len() {
        let here = chars[at];
        let mut step = 1;
        match &mut inside {
            Inside::Code => {
                if starts_with(&chars, at, "//") {
                    inside = Inside::LineComment;
                } else if starts_with(&chars, at, "/*") {
                    (inside, step) = (Inside::BlockComment(1), 2);
                } else if let Some((length, raw_hashes)) = string_opens(&chars, at) {
                    code.push('"');
                    step = length;
                    inside = Inside::Text { raw_hashes, from_line: line, literal: String::new() };
                } else if let Some(length) = char_literal(&chars, at) {
                    code.push_str("' '");
                    step = length;
                } else {
                    code.push(here);
                }
            }
            Inside::LineComment => {
                if here == '\n' {
                    code.push('\n');
                    inside = Inside::Code;
                }
            }
            Inside::BlockComment(depth) => {
                if starts_with(&chars, at, "/*") {
                    (*depth, step) = (*depth + 1, 2);
                } else if starts_with(&chars, at, "*/") {
                    (*depth, step) = (*depth - 1, 2);
                } else if here == '\n' {
                    code.push('\n');
                }
                if *depth == 0 {
                    inside = Inside::Code;
                }
            }
            Inside::Text { raw_hashes, from_line, literal } => {
                if let Some(length) = string_closes(&chars, at, *raw_hashes) {
                    code.push('"');
                    strings.push((*from_line, std::mem::take(literal)));
                    (inside, step) = (Inside::Code, length);
                } else {
                    step = if raw_hashes.is_none() && here == '\\' { 2 } else { 1 };
                    let taken = &chars[at..chars.len().min(at + step)];
                    literal.extend(taken);
                    code.extend(taken.iter().filter(|taken| **taken == '\n'));
                }
            }
        }
        line += chars[at..chars.len().min(at + step)].iter().filter(|passed| **passed == '\n').count();
        at += step;
    }
    (code, strings)
}

fn starts_with(chars: &[char], at: usize, word: &str) -> bool {
    word.chars().enumerate().all(|(offset, wanted)| chars.get(at + offset) == Some(&wanted))
}

fn part_of_name(letter: Option<&char>) -> bool {
    letter.is_some_and(|letter| letter.is_alphanumeric() || *letter == '_')
}

/// The length of a string's opening at `at`, and how many hashes close it if it is raw.
fn string_opens(chars: &[char], at: usize) -> Option<(usize, Option<usize>)> {
    if chars[at] == '"' {
        return Some((1, None));
    }
    if at > 0 && part_of_name(chars.get(at - 1)) {
        return None;
    }
    let prefix = ["br", "cr", "r"].into_iter().find(|prefix| starts_with(chars, at, prefix))?;
    let hashes = chars[at + prefix.len()..].iter().take_while(|letter| **letter == '#').count();
    let quote = at + prefix.len() + hashes;
    (chars.get(quote) == Some(&'"')).then_some((prefix.len() + hashes + 1, Some(hashes)))
}

fn string_closes(chars: &[char], at: usize, raw_hashes: Option<usize>) -> Option<usize> {
    let hashes = raw_hashes.unwrap_or(0);
    let closes = chars[at] == '"' && (1..=hashes).all(|offset| chars.get(at + offset) == Some(&'#'));
    closes.then_some(1 + hashes)
}

/// The length of a character literal at `at`; a lifetime is none.
fn char_literal(chars: &[char], at: usize) -> Option<usize> {
    if chars[at] != '\'' {
        return None;
    }
    if chars.get(at + 1) == Some(&'\\') {
        let end = (at + 3..chars.len().min(at + 13)).find(|end| chars[*end] == '\'')?;
        return Some(end + 1 - at);
    }
    (chars.get(at + 2) == Some(&'\'')).then_some(3)
}

/// Blanks each item under `#[cfg(test)]` or `#[cfg(all(test, …))]`, up to its closing brace or its semicolon.
fn without_test_items(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = ["#[cfg(test)]", "#[cfg(all(test"].iter().filter_map(|mark| rest.find(mark)).min()
    {
        out.push_str(&rest[..start]);
        let item = &rest[start..];
        let end = item_end(item);
        out.extend(item[..end].chars().map(|letter| if letter == '\n' { '\n' } else { ' ' }));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// Where the item that begins with attributes at the start of `code` ends.
fn item_end(code: &str) -> usize {
    let (mut braces, mut others) = (0_i32, 0_i32);
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => braces += 1,
            '}' => braces -= 1,
            '(' | '[' => others += 1,
            ')' | ']' => others -= 1,
            _ => {}
        }
        let closes = letter == '}' || letter == ';';
        if closes && braces <= 0 && others <= 0 {
            return at + 1;
        }
    }
    code.len()
}

#[test]
fn comments_and_strings_are_not_code() {
    let source = Source::new(
        "a.rs",
        "let a = \"x // y\"; // tail\n/* b /* c */ d */ let e = r#\"q\"q\"#;\nlet f = b'\"';",
    );
    assert_eq!(source.code, "let a = \"\"; \n let e = \"\";\nlet f = b' ';");
    assert_eq!(source.strings, [(1, "x // y".to_owned()), (2, "q\"q".to_owned())]);
}

#[test]
fn a_lifetime_is_no_character_and_an_escaped_quote_ends_nothing() {
    let source = Source::new("a.rs", "fn a<'a>(b: &'a str) { c('\\'', \"\\\"{\", '{', '\\u{7d}') }");
    assert_eq!(source.code, "fn a<'a>(b: &'a str) { c(' ', \"\", ' ', ' ') }");
}

#[test]
fn test_items_are_blanked_and_what_follows_them_is_kept() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n  const S: &str = \"SELECT }\";\n}\n#[cfg(test)]\nmod more;\nfn b() { \"kept\" }\n";
    let source = Source::new("a.rs", text);
    assert_eq!(source.shipped.split_whitespace().collect::<String>(), "fna(){}fnb(){\"\"}");
    assert_eq!(source.shipped.lines().count(), text.lines().count());
    assert_eq!(source.strings, [(8, "kept".to_owned())]);
}

#[test]
fn a_file_knows_its_module() {
    assert_eq!(Source::new("edge/src/sources/ble.rs", "").module(), ["sources", "ble"]);
    assert_eq!(Source::new("edge/src/store/mod.rs", "").module(), ["store"]);
    assert!(Source::new("edge/src/lib.rs", "").module().is_empty());
}

#[test]
fn a_file_declared_for_tests_ships_nothing_and_its_neighbour_all() {
    let parent =
        "#[cfg(test)]\n#[path = \"axis_tests.rs\"]\nmod tests;\n#[cfg(test)]\nmod more;\nmod axis_story;";
    let paths =
        ["edge/src/axis_tests.rs", "edge/src/axis/more.rs", "edge/src/axis_story.rs", "edge/src/more.rs"];
    let mut sources = vec![Source::new("edge/src/axis.rs", parent)];
    sources.extend(paths.map(|path| Source::new(path, "fn a() { \"b\" }")));
    set_test_files_apart(&mut sources);
    let shipped: Vec<bool> = sources.iter().skip(1).map(|source| source.shipped.contains("fn a")).collect();
    assert_eq!(shipped, [false, false, true, true]);
    assert!(sources[1].strings.is_empty() && sources[1].code.contains("fn a"));
}
