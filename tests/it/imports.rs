//! Who imports whom: each folder uses only those below it, and no two modules use each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::support::files_below;

/// The folders of `src`, each above those that it may use.
const LAYERS: [&str; 8] = [
    "commands", "report", "sandbox", "host", "doctor", "cloud", "plan", "support",
];

type Module = Vec<String>;
type Imports = BTreeSet<(Module, Module)>;

/// The modules of `src`, with the tokens of each but those of its unit tests.
fn modules() -> BTreeMap<Module, Vec<TokenTree>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = BTreeMap::new();
    for path in files_below("src") {
        let place = path.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Module = place
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        let is_test = module.iter().any(|part| part == "tests");
        if is_test || path.extension().is_none_or(|end| end != "rs") || module == ["main"] {
            continue;
        }
        module.retain(|part| part != "mod" && part != "lib");
        let tokens = TokenStream::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        modules.insert(module, without_tests(tokens));
    }
    modules
}

/// Takes the blocks away that are for unit tests alone; they are at a file's end.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let is_mark = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.to_string().replace(' ', "") == "[cfg(test)]",
        _ => false,
    };
    let is_block = |index: usize| {
        let name = tokens.get(index + 1).map(ToString::to_string);
        let block = tokens.get(index + 3);
        name.as_deref() == Some("mod") && matches!(block, Some(TokenTree::Group(_)))
    };
    let mut kept = tokens.clone();
    if let Some(start) = (0..tokens.len()).find(|&at| is_mark(&tokens[at]) && is_block(at)) {
        kept.truncate(start);
    }
    kept
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    let is_colon =
        |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
    tokens.len() >= 2 && is_colon(&tokens[0]) && is_colon(&tokens[1])
}

/// Reads the path that begins at the tokens' start, with all branches of a `use` tree.
fn paths(tokens: &[TokenTree]) -> Vec<Module> {
    match tokens.first() {
        Some(TokenTree::Ident(name)) => {
            let name = name.to_string();
            if !is_path_separator(&tokens[1..]) {
                return vec![vec![name]];
            }
            let rest = paths(&tokens[3..]).into_iter();
            rest.map(|path| [vec![name.clone()], path].concat())
                .collect()
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
            let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
            tokens.split(is_comma).flat_map(paths).collect()
        }
        _ => vec![Vec::new()],
    }
}

/// Gives the paths in the tokens that begin at the crate's root, at the module or above it.
fn mentions(tokens: &[TokenTree], module: &Module, found: &mut BTreeSet<Module>) {
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                mentions(&inner, module, found);
            }
            TokenTree::Ident(name) if is_path_separator(&tokens[index + 1..]) => {
                // The middle of a path was read with its beginning.
                if index >= 2 && is_path_separator(&tokens[index - 2..]) {
                    continue;
                }
                if ["crate", "super", "self"].contains(&name.to_string().as_str()) {
                    let paths = paths(&tokens[index..]).into_iter();
                    found.extend(paths.map(|path| absolute(&path, module)));
                }
            }
            _ => {}
        }
    }
}

fn absolute(path: &[String], module: &Module) -> Module {
    let mut from = match path[0].as_str() {
        "crate" => Vec::new(),
        _ => module.clone(),
    };
    for part in path {
        match part.as_str() {
            "super" => drop(from.pop()),
            "crate" | "self" => {}
            name => from.push(name.to_owned()),
        }
    }
    from
}

/// What modules hand on as theirs: the name there, and where it really is.
fn reexports(modules: &BTreeMap<Module, Vec<TokenTree>>) -> BTreeMap<Module, Module> {
    let mut handed_on = BTreeMap::new();
    for (module, tokens) in modules {
        for (index, token) in tokens.iter().enumerate() {
            let is_use = matches!(token, TokenTree::Ident(name) if name == "use");
            let before = &tokens[index.saturating_sub(2)..index];
            let is_public = before.iter().any(|token| token.to_string() == "pub");
            if !is_use || !is_public {
                continue;
            }
            for path in paths(&tokens[index + 1..]) {
                let is_rooted = ["crate", "super", "self"].contains(&path[0].as_str());
                let target = match is_rooted {
                    true => absolute(&path, module),
                    false => [module.clone(), path].concat(),
                };
                if let Some(name) = target.last() {
                    handed_on.insert([module.clone(), vec![name.clone()]].concat(), target);
                }
            }
        }
    }
    handed_on
}

/// Every import of one module by another, seen through what is handed on.
fn imports() -> Imports {
    let modules = modules();
    assert!(modules.len() > 150, "where has the source gone?");
    let handed_on = reexports(&modules);
    let mut imports = Imports::new();
    for (module, tokens) in &modules {
        let mut found = BTreeSet::new();
        mentions(tokens, module, &mut found);
        for mut path in found {
            for end in (1..=path.len()).rev() {
                if let Some(target) = handed_on.get(&path[..end]) {
                    path = [target.clone(), path[end..].to_vec()].concat();
                    break;
                }
            }
            while !modules.contains_key(&path) && path.pop().is_some() {}
            if path != *module && !path.is_empty() {
                imports.insert((module.clone(), path));
            }
        }
    }
    imports
}

/// What the children of each folder use of each other. A child may use its parent, and a parent its children.
fn between_siblings(imports: &Imports) -> BTreeMap<Module, BTreeSet<(String, String)>> {
    let mut folders: BTreeMap<Module, BTreeSet<(String, String)>> = BTreeMap::new();
    for (user, used) in imports {
        let common = user
            .iter()
            .zip(used)
            .take_while(|(one, other)| one == other);
        let common = common.count();
        if let (Some(one), Some(other)) = (user.get(common), used.get(common)) {
            let pair = (one.clone(), other.clone());
            folders
                .entry(user[..common].to_vec())
                .or_default()
                .insert(pair);
        }
    }
    folders
}

/// Finds modules that use each other, over however many in between: what is left when all have
/// been taken away that use none of the others, or that none of the others uses.
fn circle(uses: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let mut left = uses.clone();
    loop {
        let users: BTreeSet<String> = left.iter().map(|(user, _)| user.clone()).collect();
        let used: BTreeSet<String> = left.iter().map(|(_, used)| used.clone()).collect();
        let before = left.len();
        left.retain(|(one, other)| users.contains(other) && used.contains(one));
        if left.len() == before {
            return left;
        }
    }
}

#[test]
fn imports_run_downwards() {
    for (user, used) in imports() {
        let layer = |module: &Module| LAYERS.iter().position(|layer| *layer == module[0]);
        let (Some(from), Some(to)) = (layer(&user), layer(&used)) else {
            panic!("{user:?} uses {used:?}: no folder of the house");
        };
        assert!(
            from <= to,
            "`{}` uses `{}`",
            user.join("::"),
            used.join("::")
        );
    }
}

#[test]
fn no_two_modules_use_each_other() {
    for (folder, uses) in between_siblings(&imports()) {
        let circle = circle(&uses);
        assert!(circle.is_empty(), "in `{}`: {circle:?}", folder.join("::"));
    }
}

#[test]
fn circles_are_seen() {
    let uses = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
            .collect()
    };
    assert!(circle(&uses(&[("a", "b"), ("b", "c"), ("a", "c")])).is_empty());
    assert_eq!(
        circle(&uses(&[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d")])).len(),
        2
    );
    let code = "use crate::{plan::{self, Plan}, cloud::api}; fn f() { m!(super::x::y()); }";
    let tokens: Vec<TokenTree> = TokenStream::from_str(code).unwrap().into_iter().collect();
    let mut found = BTreeSet::new();
    let module = ["cloud", "diff"].map(str::to_owned).to_vec();
    mentions(&tokens, &module, &mut found);
    let found: Vec<String> = found.iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["cloud::api", "cloud::x::y", "plan", "plan::Plan"]);
}

/// The diagram of `docs/architecture.md` is what the source says.
#[test]
fn the_drawn_architecture_is_the_real_one() {
    let mut drawn = String::new();
    let folders = between_siblings(&imports());
    let top = &folders[&Vec::new()];
    for layer in LAYERS {
        let below = LAYERS
            .iter()
            .filter(|below| top.contains(&(layer.to_owned(), (**below).to_owned())));
        let below: Vec<&str> = below.copied().collect();
        let used = if below.is_empty() {
            "nothing".to_owned()
        } else {
            below.join(" ")
        };
        drawn.push_str(&format!("{layer:<9} uses  {used}\n"));
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains(&drawn),
        "docs/architecture.md should have\n{drawn}"
    );
}
