# What can stand where the cursor is. The arguments are the words after the program's name, the unfinished one last.
# Sets `wanted` to words, file or nothing; and `offers`, lines of word or word:description, of which some may not
# begin as the unfinished word does. bash and zsh both run this; nothing that was typed is ever evaluated.
_ingester_look() {
  local at=ingester given=0 ended='' subs='' opts=''
  wanted=nothing offers=''
  _ingester_command "$at"
  while [ $# -gt 1 ]; do
    case $ended$1 in
      --) ended=yes ;;
      -*=*) ;;
      -*)
        if _ingester_value "$at $1"; then
          if [ $# -eq 2 ]; then return; fi
          shift
        fi ;;
      *)
        if [ "$given" -eq 0 ] && _ingester_command "$at $1"; then
          at="$at $1"
        else
          given=$((given + 1))
        fi ;;
    esac
    shift
  done
  wanted=nothing offers=''
  case $ended$1 in
    -*=*) _ingester_value "$at ${1%%=*}" ;;
    -*) wanted=words offers=$opts ;;
    *)
      if [ "$given" -eq 0 ] && [ -n "$subs" ]; then
        wanted=words offers=$subs
      elif ! _ingester_value "$at <$((given + 1))>" && [ -z "$ended" ]; then
        wanted=words offers=$opts
      fi ;;
  esac
  return 0
}
