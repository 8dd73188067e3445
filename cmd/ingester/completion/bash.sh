# Works without the package bash-completion, and keeps to what bash 3.2 knows. $2 is what bash will replace: where
# `=` and `:` divide words, as they do unless one changes COMP_WORDBREAKS, less than the word.
_ingester() {
  local wanted offers rest=$COMP_LINE word value offer file behind i
  local -a typed
  typed=()
  # A word that was divided is put together again: what no space stands before belongs to the one before it.
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $i -eq 0 || $rest == [[:space:]]* ]]; then
      typed+=("$word")
    else
      typed[${#typed[@]} - 1]+=$word
    fi
    rest=${rest#"${rest%%[![:space:]]*}"}
    rest=${rest#"$word"}
  done
  # What stands behind the cursor does not count.
  i=$((${#typed[@]} - 1))
  word=${typed[i]}
  behind=$((${#COMP_LINE} - ${#rest} - COMP_POINT))
  if ((behind > 0 && behind <= ${#word})); then word=${word:0:${#word} - behind}; fi

  COMPREPLY=()
  _ingester_look "${typed[@]:1:i - 1}" "$word"
  value=$word
  case $word in -*=*) value=${word#*=} ;; esac
  case $wanted in
    file)
      # Readline's own way with files knows quotes and ~. bash 3.2 cannot ask for it here.
      if ! compopt -o default 2>/dev/null; then
        for file in "$value"*; do
          if [ -e "$file" ]; then COMPREPLY+=("$(printf %q "$file")"); fi
        done
      fi ;;
    words)
      while IFS=: read -r offer _; do
        if [[ -n $offer && $offer == "$value"* ]]; then
          offer=${word%"$value"}$offer
          COMPREPLY+=("${offer#"${word%"$2"}"}")
        fi
      done <<<"$offers" ;;
  esac
}
complete -F _ingester ingester
