# Ends a process group, and what has left it, once the process that started us closes our standard input: it does so
# when it is done, and the system does it when that process dies, however that comes.
#
# $1 how `ps` shows environments; $2 tenths of a second between SIGTERM and SIGKILL.
# The input: a line with what the environment of all that is meant holds, and one with the leader of the group.

trap '' HUP INT QUIT TERM USR1 USR2 PIPE ALRM
show=$1 tenths=$2 mark= leader=
read -r mark
read -r leader
# Nothing more is said: this waits for the end of the input.
while read -r _; do :; done

# pid, parent, group and begin of every process that is not dead, one a line: `1 0 1 Mon_Nov_2_10:00:00_2026`.
everyone() {
  ps -A -o pid= -o ppid= -o pgid= -o stat= -o lstart= 2>/dev/null |
    awk '$4 !~ /^Z/ { print $1, $2, $3, $5 "_" $6 "_" $7 "_" $8 "_" $9 }'
}

# Whose environment holds the mark: also those that nobody is the parent of any more.
marked() {
  [ -n "$mark" ] || return
  ps -A $show -ww -o pid= -o command= 2>/dev/null | awk -v mark="$mark" 'index($0, mark) { print $1 }'
}

# Of everyone, as `pid begin` a line: the leader, its group, the marked, those known from before (on standard input,
# in the same form), and all that are below one of these. Never this script and what is below it, nor what is above it.
# Careful: to awk, asking for an entry of an array makes one. Whoever is in `chosen` here is killed.
family() {
  {
    sed 's/^/known /'
    marked | sed 's/^/marked /'
    everyone
  } | awk -v leader="${leader:-none}" -v us="$$" '
    $1 == "known" { if (NF == 3) known[$2 " " $3] = 1; next }
    $1 == "marked" { marked[$2] = 1; next }
    NF == 4 { parent[$1] = $2; group[$1] = $3; begin[$1] = $4 }
    END {
      for (pid = us; pid in parent && !(pid in spared); pid = parent[pid]) spared[pid] = 1
      for (pid in parent) {
        who = pid " " begin[pid]
        if (pid == leader || group[pid] == leader || pid in marked || who in known) chosen[pid] = 1
      }
      do {
        grew = 0
        for (pid in parent) {
          if (!(pid in chosen) && parent[pid] in chosen) { chosen[pid] = 1; grew = 1 }
          if (!(pid in ours) && (pid == us || parent[pid] in ours)) { ours[pid] = 1; grew = 1 }
        }
      } while (grew)
      for (pid in chosen) if (pid in parent && pid > 1 && !(pid in ours) && !(pid in spared)) print pid, begin[pid]
    }'
}

pids() { sed 's/ .*//'; }

# Who they are is asked before anyone ends: the children of the dead are nobody's.
known=$(family </dev/null)
if [ -n "$leader" ]; then
  kill -s TERM -- "-$leader" 2>/dev/null
  while [ "$tenths" -gt 0 ] && kill -s 0 -- "-$leader" 2>/dev/null; do
    sleep 0.1
    tenths=$((tenths - 1))
    # One that only waits to be seen by its parent counts as gone.
    everyone | awk -v leader="$leader" '$3 == leader { left = 1 } END { exit !left }' || break
  done
fi

# What is killed may have started more meanwhile: again, until there is nobody.
tries=50
while [ "$tries" -gt 0 ]; do
  known=$(printf '%s\n' "$known" | family)
  [ -n "$known" ] || break
  kill -s KILL $(printf '%s\n' "$known" | pids) 2>/dev/null
  tries=$((tries - 1))
  sleep 0.1
done
