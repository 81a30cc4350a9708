"""The program that the image starts is one for arm64.

BuildKit writes the platform it was asked for into the configuration of every image, whatever its base image
holds; an amd64 base image only shows when a RUN step starts one of its programs. So the build reads the
header of the image's own program, through the interpreters of scripts, before anything is pushed.
https://docs.docker.com/build/building/multi-platform/
https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
"""

from .properties import Properties
from .words import word

_CHECK = r"""
  show() { docker inspect --type=container --format "$1" "$container"; }

  read_header() {
    docker cp --follow-link "$container:$1" - 2> /dev/null |
      tar -xO 2> /dev/null | head -c 512 > "$state/header"
    [ -s "$state/header" ]
  }

  find_in() {
    while IFS= read -r -d : folder; do
      found=${folder%/}/$program
      if read_header "$found"; then return; fi
    done <<< "$1:"
    false
  }

  read_machine() {
    program=$(show '{{.Path}}')
    directory=$(show '{{.Config.WorkingDir}}')
    path=$(show '{{range .Config.Env}}{{println .}}{{end}}' | sed -n 's/^PATH=//p')
    for _ in 1 2 3 4; do
      case $program in
        /*) program=${program#/}; find_in "" || return ;;
        */*) find_in "$directory" || return ;;
        *) find_in "${path:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}" || return ;;
      esac
      header=$(od -An -v -tx1 -N20 "$state/header" | tr -d ' \n')
      case $header in
        7f454c46*) machine=${header:36:4}; return ;;
        2321*) program=$(head -n 1 "$state/header" | sed 's/^#![[:blank:]]*//; s/[[:space:]].*//') ;;
        *) return ;;
      esac
    done
  }

  machine=
  if container=$(docker create --pull=never --platform=linux/arm64 "$image") && [ -n "$container" ]; then
    read_machine || true
    docker rm --force "$container" > /dev/null || true
  fi
  case $machine in
    b700) echo "$found, which the image starts, is for arm64"; exit ;;
    "") echo "notice: what the image starts is not known before it runs, nor for which architecture"; exit ;;
    0300) machine=x86 ;;
    2800) machine=arm32 ;;
    3e00) machine=x86-64 ;;
  esac
  echo "$found, which the image starts, is for $machine, not for arm64"
  rm "$state/image"
  exit 1
"""


def check(properties: Properties, state: str) -> str:
    """The command that fails when the program is for another architecture.

    What cannot be told, such as a program that is mounted later, is a notice and no failure.
    """
    values = f"state={state} image={word(properties.image_uri)}"
    return f"[ ! -e {state}/image ] || (\n  {values}\n{_CHECK})"
