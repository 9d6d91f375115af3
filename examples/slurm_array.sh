#!/bin/bash
# Many jobs on a Slurm cluster: every task of the array works on one queue until nothing is left.
#
#   sbatch --array=1-8 examples/slurm_array.sh inputs/ runs --preset af2_reduced --databases /data/af2
#
# Tasks share OUT/jobs.json and hold each job by a lock, so none is done twice and a task that starts late, is preempted
# or dies costs nothing but its own time: the same command goes on. OUT must lie on a file system that knows locks.
#SBATCH --job-name=foldwright
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=8
#SBATCH --mem=64G
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --output=%x-%A_%a.log
set -euo pipefail

if [ $# -lt 2 ]; then
  echo "usage: sbatch --array=1-8 $0 INPUTS OUT [options of foldwright predict]" >&2
  exit 2
fi
inputs=$1
out=$2
shift 2

export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
# `exec`: what Slurm sends before it ends a task reaches foldwright, which then says what was cut short.
exec foldwright predict "$inputs" --out "$out" "$@"
