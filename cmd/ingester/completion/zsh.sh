_ingester() {
  local wanted offers
  local -a lines
  _ingester_look "${(@)words[2,CURRENT-1]}" "$PREFIX"
  case $PREFIX in -*=*) compset -P '*=' ;; esac
  case $wanted in
    file)
      # zsh's own completion of paths expands what it is given: `$(command)/` would be run.
      case $PREFIX in *[\$\`\(]*) return 1 ;; esac
      _files ;;
    words)
      lines=("${(@f)offers}")
      _describe ingester lines ;;
    *) return 1 ;;
  esac
}

if [[ ${funcstack[1]} == _ingester ]]; then
  # Found in $fpath: this file is the function, and has been called.
  _ingester "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
  compdef _ingester ingester
fi
