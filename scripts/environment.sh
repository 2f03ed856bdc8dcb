# What people set in the environment: folders of theirs, and numbers. Sourced with the caller's folder still current.

CALLER=$PWD

# absolute FOLDER: relative to where the script was called, whatever folder it works in
absolute() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$CALLER/$1" ;;
    esac
}

# count NAME VALUE LEAST: stops before anything is made unless the value is a number of that size
count() {
    [[ $2 =~ ^[1-9][0-9]{0,11}([eE][0-9]{1,2}|[kKmM])?$ ]] && return
    [ "$2$3" = 00 ] && return
    echo "$1 is '$2', expected a whole number of at least $3, like 10, 1e5 or 480k" >&2
    exit 2
}
