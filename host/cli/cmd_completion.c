// quadlane completion: the Tab key in bash and zsh.
//
// The shells' functions know nothing of verbs and options: they ask the tool itself, with the words
// up to the cursor behind `--`.
//
// SPDX-License-Identifier: MIT
#include "host/cli/completion.h"

#include "host/cli/options.h"

#include <limits.h>
#include <string.h>

// bash breaks words at = and :, so these are put together again, and what stands before the last
// break is taken off the candidates.
static const char bash_script[] =
    "# Completion for quadlane in bash, made by `quadlane completion bash`.\n"
    "_quadlane() {\n"
    "    local words=() whole=\"\" part candidate i\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        part=${COMP_WORDS[i]}\n"
    "        if [[ $i -gt 1 && ($part == [=:]* || $whole == *[=:]) ]]; then\n"
    "            whole+=$part\n"
    "            words[-1]=$whole\n"
    "        else\n"
    "            whole=$part\n"
    "            words+=(\"$whole\")\n"
    "        fi\n"
    "    done\n"
    "    part=${COMP_WORDS[COMP_CWORD]}\n"
    "    [[ $part == [=:] ]] && part=\"\"\n"
    "    COMPREPLY=()\n"
    "    while IFS=$'\\t' read -r candidate _; do\n"
    "        case $candidate in\n"
    "        :files) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f "
    "-- "
    "\"$part\") ;;\n"
    "        :folders) compopt -o filenames; mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen "
    "-d "
    "-- \"$part\") ;;\n"
    "        *) COMPREPLY+=(\"${candidate:${#whole} - ${#part}}\") ;;\n"
    "        esac\n"
    "    done < <(\"${COMP_WORDS[0]}\" completion -- \"${words[@]}\" 2>/dev/null)\n"
    "}\n"
    "complete -F _quadlane quadlane\n";

static const char zsh_script[] =
    "#compdef quadlane\n"
    "# Completion for quadlane in zsh, made by `quadlane completion zsh`.\n"
    "_quadlane() {\n"
    "    local -a candidates\n"
    "    local candidate meaning files\n"
    "    while IFS=$'\\t' read -r candidate meaning; do\n"
    "        case $candidate in\n"
    "        (:files|:folders) files=$candidate ;;\n"
    "        (*) candidates+=(\"${candidate//:/\\\\:}:$meaning\") ;;\n"
    "        esac\n"
    "    done < <(\"${words[1]}\" completion -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
    "    (( $#candidates )) && _describe quadlane candidates\n"
    "    [[ -n $files && $PREFIX == --*=* ]] && compset -P '*='\n"
    "    case $files in\n"
    "    (:files) _files ;;\n"
    "    (:folders) _files -/ ;;\n"
    "    esac\n"
    "}\n"
    "if [[ $funcstack[1] == _quadlane ]]; then _quadlane \"$@\"; else compdef _quadlane quadlane; "
    "fi\n";

static int run(struct cli *cli)
{
    // The shells ask with at least one word, which may be empty.
    if (cli->words[-1] != NULL && strcmp(cli->words[-1], "--") == 0)
        completion_print(cli->words, cli->argument_count);
    else if (cli->argument_count > 1)
        return ql_fail(&cli->failure, QL_USAGE, "completion takes one shell's name");
    else if (strcmp(cli->arguments[0], "bash") == 0)
        printf("%s", bash_script);
    else if (strcmp(cli->arguments[0], "zsh") == 0)
        printf("%s", zsh_script);
    else
        return ql_fail(&cli->failure, QL_USAGE,
                       "there is completion for bash and zsh, not for %.60s", cli->arguments[0]);
    return 0;
}

const struct cli_verb cli_completion = {
    .name = "completion",
    .arguments = "SHELL",
    .summary = "print what makes the Tab key work in bash or zsh",
    .text = "Prints the shell's function: verbs, options, files, names of boards, and the serial "
            "numbers\n"
            "and ports of boards that are there. `make install` and the packages have put it where "
            "the\n"
            "shells look for it. Otherwise:\n"
            "\n"
            "    bash, in ~/.bashrc:                    source <(quadlane completion bash)\n"
            "    zsh, in ~/.zshrc behind compinit:      source <(quadlane completion zsh)",
    .words = "bash zsh",
    .reads_no_config = true,
    .options = CLI_BASIC,
    .arguments_min = 1,
    .arguments_max = INT_MAX,
    .run = run,
};
