//! Whether to colour: the flag wins, then `NO_COLOR`, `CLICOLOR_FORCE` or `FORCE_COLOR`, `CLICOLOR`, `TERM`, `CI`, and at
//! last whether a terminal reads along (<https://no-color.org>, <https://bixense.com/clicolors>).

use super::Color;

/// Decides for one stream; `get` reads the environment.
pub fn choose(wish: Color, get: impl Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let set = |name: &str| get(name).is_some_and(|value| !value.is_empty());
    let forced = |name: &str| get(name).is_some_and(|value| !value.is_empty() && value != "0");
    match wish {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
        Color::Auto => {
            let off = get("CLICOLOR").as_deref() == Some("0") || get("TERM").as_deref() == Some("dumb") || set("CI");
            is_terminal && !off
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        for (wish, environment, terminal, expected) in [
            (Color::Auto, "", true, true),
            (Color::Auto, "", false, false),
            (Color::Always, "NO_COLOR=1", false, true),
            (Color::Always, "TERM=dumb", true, true),
            (Color::Never, "CLICOLOR_FORCE=1", true, false),
            (Color::Never, "", true, false),
            (Color::Auto, "NO_COLOR=1", true, false),
            (Color::Auto, "NO_COLOR=0", true, false),
            (Color::Auto, "NO_COLOR=", true, true),
            (Color::Auto, "NO_COLOR=1 CLICOLOR_FORCE=1", true, false),
            (Color::Auto, "CLICOLOR_FORCE=1", false, true),
            (Color::Auto, "CLICOLOR_FORCE=0", false, false),
            (Color::Auto, "CLICOLOR_FORCE=0", true, true),
            (Color::Auto, "FORCE_COLOR=1", false, true),
            (Color::Auto, "FORCE_COLOR=0", false, false),
            (Color::Auto, "FORCE_COLOR=1 CI=true", false, true),
            (Color::Auto, "CLICOLOR=0", true, false),
            (Color::Auto, "CLICOLOR=1", true, true),
            (Color::Auto, "CLICOLOR=1", false, false),
            (Color::Auto, "CLICOLOR=0 CLICOLOR_FORCE=1", true, true),
            (Color::Auto, "TERM=dumb", true, false),
            (Color::Auto, "TERM=xterm-256color", true, true),
            (Color::Auto, "CI=true", true, false),
            (Color::Auto, "CI=", true, true),
        ] {
            let get = |name: &str| {
                let pairs = environment.split_whitespace().filter_map(|pair| pair.split_once('='));
                pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next()
            };
            assert_eq!(choose(wish, get, terminal), expected, "{wish:?} `{environment}` terminal: {terminal}");
        }
    }
}
