/* completion.c: leat completion: the few lines that teach a shell to ask complete.c. */
#include <stdio.h>
#include <string.h>

#include "client/cli/command.h"
#include "client/cli/complete.h"

static const char bash_script[] =
    "# bash completion of leat; in ~/.bashrc:  eval \"$(leat completion bash)\"\n"
    "_leat()\n"
    "{\n"
    "    local words=() word glue='' i line before\n"
    "    # COMP_WORDBREAKS cuts at '=' and ':': together again.\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]}\n"
    "        if [[ ${#words[@]} -gt 0 && ($glue || $word == [=:]*) ]]; then\n"
    "            words[-1]+=$word\n"
    "        else\n"
    "            words+=(\"$word\")\n"
    "        fi\n"
    "        glue=\n"
    "        if [[ $word == *[=:] ]]; then glue=1; fi\n"
    "    done\n"
    "    word=${words[-1]}\n"
    "    before=${word%\"${word##*[=:]}\"}\n"
    "    COMPREPLY=()\n"
    "    while IFS= read -r line; do\n"
    "        case $line in\n"
    "        :files) compopt -o default 2>/dev/null ;;\n"
    "        :nospace) compopt -o nospace 2>/dev/null ;;\n"
    "        *) line=${line%%$'\\t'*}; COMPREPLY+=(\"${line#\"$before\"}\") ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" completion words -- \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _leat leat\n";

static const char zsh_script[] =
    "#compdef leat\n"
    "# zsh completion of leat; in ~/.zshrc, after compinit:  source <(leat completion zsh)\n"
    "_leat()\n"
    "{\n"
    "    local line\n"
    "    local -a values texts options\n"
    "    for line in \"${(@f)$(\"${words[1]}\" completion words -- \"${(@)words[2,CURRENT]}\" "
    "2>/dev/null)}\"; do\n"
    "        case $line in\n"
    "        ('') ;;\n"
    "        (:files) _files ;;\n"
    "        (:nospace) options+=(-S '') ;;\n"
    "        (*)\n"
    "            values+=(\"${line%%$'\\t'*}\")\n"
    "            texts+=(\"${line/$'\\t'/  }\")\n"
    "            ;;\n"
    "        esac\n"
    "    done\n"
    "    if (( ${#values} )); then compadd \"${options[@]}\" -l -d texts -a values; fi\n"
    "}\n"
    "if [[ $funcstack[1] == _leat ]]; then _leat \"$@\"; else compdef _leat leat; fi\n";

static const char fish_script[] =
    "# fish completion of leat; once:  leat completion fish >~/.config/fish/completions/leat.fish\n"
    "function __leat_complete\n"
    "    set -l typed (commandline -opc)\n"
    "    set -l current (commandline -ct)\n"
    "    set -l found ($typed[1] completion words -- $typed[2..-1] \"$current\" 2>/dev/null)\n"
    "    if contains -- :files $found\n"
    "        __fish_complete_path \"$current\"\n"
    "    end\n"
    "    string match --invert --regex '^:' -- $found\n"
    "end\n"
    "complete -c leat -f -a '(__leat_complete)'\n";

static error_t parse(int key, char *arg, struct argp_state *state)
{
    switch (key) {
    case ARGP_KEY_ARG:
        cli_words_add(state->input, state, arg);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "say which shell: bash, zsh or fish");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct {
        const char *shell, *script;
    } scripts[] = {{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}};
    static struct cli_words input;
    cli_parse(cli, argc, argv, &input);
    if (strcmp(input.words[0], "words") == 0) {
        cli_complete(input.words + 1, input.count - 1);
        return CLI_DONE;
    }
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        if (input.count == 1 && strcmp(input.words[0], scripts[i].shell) == 0) {
            (void)fputs(scripts[i].script, stdout); /* shows in cli_finish */
            return CLI_DONE;
        }
    }
    fprintf(stderr, "leat: completion: want one of bash, zsh, fish\n");
    return CLI_USAGE;
}

const struct cli_command cli_completion = {
    .name = "completion",
    .summary = "script that completes commands, flags, values and topics in a shell",
    .args = "bash|zsh|fish",
    .doc = "Print the script that completes leat's commands, flags, values, -X keys, profiles and "
           "topics (which a broker is asked for) in a shell. Its first line says where to put it.",
    .examples = "eval \"$(leat completion bash)\"\n"
                "leat completion fish >~/.config/fish/completions/leat.fish\n",
    .parse = parse,
    .run = run,
};
