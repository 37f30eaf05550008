//! Input that nobody sane writes: compiles stay bounded, and a string stays a string (reliability.md T48, T50, T54).

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lakegen::catalog;
use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::render::{Format, Style, render};
use lakegen::world::memory::MemoryWorld;

const HEAD: &str = "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\n[git]\nurl = \"https://git.example.com/acme/lake.git\"\n";

fn run(platform: &str) -> Compiled {
    let mut world = MemoryWorld::default();
    world.insert("platform.toml", platform.as_bytes());
    compile(&world, &Request::default())
}

fn text(compiled: &Compiled) -> String {
    render(&compiled.diagnostics, &compiled.sources, Format::Full, Style { color: false, width: 120 })
}

/// Slower than this is unbounded; the bound of a release build is a second, this one has room for debug builds on busy machines.
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn t48_bombs_are_refused_soon() {
    let many = |line: fn(usize) -> String, count| (0..count).map(line).collect::<String>();
    let bombs: &[(&str, String)] = &[
        ("nested arrays", format!("{HEAD}x = {}{}\n", "[".repeat(100_000), "]".repeat(100_000))),
        ("nested inline tables", format!("{HEAD}x = {}1{}\n", "{a=".repeat(100_000), "}".repeat(100_000))),
        ("dotted keys", format!("{HEAD}{}a = 1\n", "a.".repeat(100_000))),
        ("a deep header", format!("{HEAD}[{}a]\n", "a.".repeat(100_000))),
        ("a hundred megabytes", format!("{HEAD}x = \"{}\"\n", "x".repeat(100 << 20))),
        ("a million keys", format!("{HEAD}[vars]\n{}", many(|n| format!("k{n} = 1\n"), 1_000_000))),
        ("sixty thousand keys", format!("{HEAD}[vars]\n{}", many(|n| format!("k{n} = 1\n"), 60_000))),
        ("duplicate keys", format!("{HEAD}[vars]\n{}", "k = 1\n".repeat(50_000))),
        ("huge integers", format!("{HEAD}[vars]\n{}", many(|n| format!("k{n} = 9{}\n", "9".repeat(60)), 5_000))),
        ("unclosed strings", format!("{HEAD}[vars]\n{}", many(|n| format!("k{n} = \"\n"), 50_000))),
    ];
    for (name, bomb) in bombs {
        let start = Instant::now();
        let compiled = run(bomb);
        let shown = text(&compiled);
        let took = start.elapsed();
        assert!(took < PATIENCE, "{name} took {took:?}");
        // Many variables are much, but not wrong.
        assert_eq!(compiled.is_ok(), *name == "sixty thousand keys", "{name}: {}", &shown[..shown.len().min(2000)]);
        assert!(shown.len() < 200_000, "{name} is answered with {} bytes", shown.len());
    }
}

/// Strings that look like something else to a YAML reader, a template, a shell or a terminal.
const NASTY: &[&str] = &[
    "x\n  evil: true\n- y: z",
    "\"}]}\\\" #: - ? & * ! | > ' % @ `",
    "{{ 7 * 7 }} {% raw %} ${X} $(X)",
    "no",
    "0777",
    "ünï\u{202e}cödé\u{2028}日本 👍",
    " leading and trailing \t",
];

#[test]
fn t54_a_string_stays_a_leaf() {
    let mut broken = Vec::new();
    let mut tried = 0;
    for name in catalog::names(&MemoryWorld::default()) {
        let Some(example) = catalog::embedded_file(&format!("templates/{name}/example.toml")) else { continue };
        let example: toml::Table = toml::from_str(example).unwrap();
        for (table, instance, option) in string_options(&name, &example) {
            let with = |text: &str| run(&toml(&set(&example, &table, &instance, &option, text)));
            let plain = with("plain");
            if !plain.is_ok() {
                continue; // The option asks for more than a string, as a pattern says.
            }
            let before = shape(&plain);
            for nasty in NASTY {
                let after = with(nasty);
                tried += 1;
                // Refusing a string is right too; changing the structure is not.
                if after.is_ok() && shape(&after) != before {
                    broken.push(format!("{name}: {instance}.{option} = {nasty:?}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(tried > 50, "only {tried} strings were tried");
}

/// Returns table, instance and option of every free string that an example's own component takes.
fn string_options(component: &str, example: &toml::Table) -> Vec<(String, String, String)> {
    let text = catalog::embedded_file(&format!("templates/{component}/component.toml")).unwrap();
    let definition: toml::Table = toml::from_str(text).unwrap();
    let free = |option: &toml::Value| {
        let kind = option.get("type").and_then(toml::Value::as_str).unwrap_or("string");
        matches!(kind, "string" | "text") && option.get("pattern").is_none()
    };
    let options: Vec<String> = definition
        .get("options")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
        .filter(|(_, o)| free(o))
        .map(|(name, _)| name.clone())
        .collect();
    let mut all = Vec::new();
    for table in ["components", "jobs"] {
        for (instance, own) in example.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
            let own_kind = own.get("kind").and_then(toml::Value::as_str).unwrap_or("container");
            let uses = own.get("uses").and_then(toml::Value::as_str).unwrap_or(instance);
            let is_it = if table == "jobs" { component == format!("job-{own_kind}") } else { uses == component };
            if is_it {
                all.extend(options.iter().map(|option| (table.to_string(), instance.clone(), option.clone())));
                break;
            }
        }
    }
    all
}

fn set(example: &toml::Table, table: &str, instance: &str, option: &str, text: &str) -> toml::Table {
    let mut changed = example.clone();
    let own = changed.get_mut(table).unwrap().get_mut(instance).unwrap().as_table_mut().unwrap();
    own.insert(option.into(), toml::Value::String(text.into()));
    changed
}

fn toml(table: &toml::Table) -> String {
    fn value(of: &toml::Value) -> String {
        match of {
            toml::Value::Table(table) => format!(
                "{{ {} }}",
                table.iter().map(|(k, v)| format!("{} = {}", quoted(k), value(v))).collect::<Vec<_>>().join(", ")
            ),
            toml::Value::Array(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
            toml::Value::String(text) => quoted(text),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Datetime(date) => date.to_string(),
        }
    }
    table.iter().map(|(key, of)| format!("{} = {}\n", quoted(key), value(of))).collect()
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// Returns the structure of every YAML file: keys, lengths of lists, kinds of scalars; not their text.
fn shape(compiled: &Compiled) -> BTreeMap<String, String> {
    fn of(value: &serde_yaml::Value) -> String {
        match value {
            serde_yaml::Value::Mapping(map) => {
                format!("{{{}}}", map.iter().map(|(k, v)| format!("{k:?}: {}", of(v))).collect::<Vec<_>>().join(", "))
            }
            serde_yaml::Value::Sequence(list) => format!("[{}]", list.iter().map(of).collect::<Vec<_>>().join(", ")),
            serde_yaml::Value::String(_) => "s".into(),
            serde_yaml::Value::Number(_) => "n".into(),
            serde_yaml::Value::Bool(_) => "b".into(),
            serde_yaml::Value::Null => "0".into(),
            serde_yaml::Value::Tagged(tagged) => format!("!{} {}", tagged.tag, of(&tagged.value)),
        }
    }
    let yaml = compiled.tree.files().filter(|(path, _)| path.ends_with(".yaml"));
    yaml.map(|(path, bytes)| {
        let text = std::str::from_utf8(bytes).unwrap();
        let value: serde_yaml::Value = serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}\n{text}"));
        (path.to_string(), of(&value))
    })
    .collect()
}
