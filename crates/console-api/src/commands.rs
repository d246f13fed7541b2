//! Every command of the console, declared once. Hosts dispatch by name; the TypeScript is generated from this list; a
//! command without an implementation or a permission does not compile.

/// Hands the list to a macro: `name as method (Request) -> Response, capability`.
#[macro_export]
macro_rules! with_commands {
    ($callback:ident) => {
        $callback! {
            "session.get" => session_get(Nothing) -> Session, None;
            "session.switch" => session_switch(SwitchPerson) -> Session, Some(Capability::SwitchPerson);
            "home.get" => home_get(Nothing) -> Home, None;
            "run.start" => run_start(StartRun) -> RunView, None;
            "run.get" => run_get(Id) -> RunReport, None;
            "run.stop" => run_stop(Id) -> RunView, Some(Capability::SyncAll);
            "run.braked" => run_braked(Nothing) -> BrakedView, Some(Capability::SeeConflicts);
            "run.continue" => run_continue(ContinueBraked) -> Continued, Some(Capability::SyncAll);
            "runs.list" => runs_list(RunQuery) -> RunList, None;
            "reports.get" => reports_get(ReportQuery) -> ReportView, Some(Capability::SeeReports);
            "reports.export" => reports_export(ReportExport) -> ReportFile, Some(Capability::SeeReports);
            "schedule.get" => schedule_get(Nothing) -> ScheduleView, None;
            "patients.search" => patients_search(PatientSearch) -> PatientPageRows, Some(Capability::SeePatients);
            "patients.get" => patients_get(Id) -> PatientPage, Some(Capability::SeePatients);
            "patients.verify" => patients_verify(Id) -> PatientPage, Some(Capability::VerifyPatient);
            "patients.raw" => patients_raw(Id) -> RawPair, Some(Capability::SeeRaw);
            "appointments.list" => appointments_list(VisitQuery) -> VisitRows, Some(Capability::SeePatients);
            "appointments.get" => appointments_get(Id) -> VisitPage, Some(Capability::SeePatients);
            "appointments.calendar" => appointments_calendar(CalendarQuery) -> CalendarView, Some(Capability::SeePatients);
            "appointments.export" => appointments_export(CalendarQuery) -> TextFile, Some(Capability::SeePatients);
            "appointments.news" => appointments_news(Nothing) -> News, Some(Capability::SeePatients);
            "appointments.news_seen" => appointments_news_seen(NewsSeen) -> News, Some(Capability::SeePatients);
            "treatments.list" => treatments_list(VisitQuery) -> VisitRows, Some(Capability::SeePatients);
            "treatments.get" => treatments_get(Id) -> VisitPage, Some(Capability::SeePatients);
            "conflicts.list" => conflicts_list(ConflictQuery) -> ConflictList, Some(Capability::SeeConflicts);
            "conflicts.get" => conflicts_get(Id) -> CompareView, Some(Capability::SeeConflicts);
            "conflicts.claim" => conflicts_claim(Claim) -> ConflictItem, Some(Capability::SeeConflicts);
            "conflicts.snooze" => conflicts_snooze(Snooze) -> ConflictItem, Some(Capability::SeeConflicts);
            "conflicts.seen" => conflicts_seen(Seen) -> ConflictItem, Some(Capability::SeeConflicts);
            "conflicts.draft" => conflicts_draft(Draft) -> Nothing, Some(Capability::SeeConflicts);
            "conflicts.answer" => conflicts_answer(AnswerDuplicate) -> PlanView, Some(Capability::LinkPatients);
            "duplicates.list" => duplicates_list(DuplicateQuery) -> DuplicateList, Some(Capability::SeeConflicts);
            "duplicates.get" => duplicates_get(Id) -> DuplicateView, Some(Capability::SeeConflicts);
            "duplicates.between" => duplicates_between(DuplicateBetween) -> DuplicateView, Some(Capability::SeeConflicts);
            "duplicates.link" => duplicates_link(DuplicateAnswer) -> DuplicateView, Some(Capability::LinkPatients);
            "duplicates.distinct" => duplicates_distinct(DuplicateAnswer) -> DuplicateView, Some(Capability::LinkPatients);
            "duplicates.later" => duplicates_later(DuplicateLater) -> DuplicateView, Some(Capability::LinkPatients);
            "values.validate" => values_validate(ValidateOwn) -> Validated, Some(Capability::SeePatients);
            "plans.make" => plans_make(MakePlan) -> PlanView, Some(Capability::SeeConflicts);
            "plans.get" => plans_get(Id) -> PlanView, Some(Capability::SeeConflicts);
            "plans.approve" => plans_approve(Approve) -> Approved, Some(Capability::SeeConflicts);
            "plans.refuse" => plans_refuse(Refuse) -> PlanView, Some(Capability::SeeConflicts);
            "plans.undo" => plans_undo(Id) -> PlanView, Some(Capability::Undo);
            "quarantine.list" => quarantine_list(QuarantineQuery) -> QuarantineList, Some(Capability::SeeQuarantine);
            "quarantine.show" => quarantine_show(Id) -> QuarantineView, Some(Capability::SeeQuarantine);
            "quarantine.edit" => quarantine_edit(QuarantineEdit) -> QuarantineView, Some(Capability::WorkQuarantine);
            "quarantine.replay" => quarantine_replay(QuarantineReplay) -> QuarantineReplayList, Some(Capability::WorkQuarantine);
            "quarantine.dismiss" => quarantine_dismiss(QuarantineDismiss) -> QuarantineView, Some(Capability::WorkQuarantine);
            "queue.list" => queue_list(QueueQuery) -> QueueList, Some(Capability::SeeQueue);
            "queue.show" => queue_show(Id) -> QueueDetail, Some(Capability::SeeQueue);
            "queue.causes" => queue_causes(Nothing) -> QueueCauses, Some(Capability::SeeQueue);
            "queue.retry" => queue_retry(QueueAction) -> QueueDetail, Some(Capability::EditQueue);
            "queue.replay" => queue_replay(QueueReplay) -> QueueReplayed, Some(Capability::EditQueue);
            "queue.edit" => queue_edit(QueueEdit) -> PlanView, Some(Capability::EditQueue);
            "queue.cancel" => queue_cancel(QueueAction) -> QueueDetail, Some(Capability::EditQueue);
            "remotes.status" => remotes_status(Nothing) -> RemotesStatus, Some(Capability::SeeQueue);
            "remotes.pause" => remotes_pause(RemoteAction) -> RemoteStatus, Some(Capability::ControlRemotes);
            "remotes.resume" => remotes_resume(RemoteAction) -> RemoteStatus, Some(Capability::ControlRemotes);
            "remotes.try_now" => remotes_try_now(RemoteAction) -> RemoteStatus, Some(Capability::ControlRemotes);
            "incidents.list" => incidents_list(IncidentQuery) -> IncidentList, Some(Capability::SeeQueue);
            "incidents.acknowledge" => incidents_acknowledge(AcknowledgeIncident) -> IncidentView, Some(Capability::AcknowledgeIncidents);
            "receipts.list" => receipts_list(ReceiptQuery) -> ReceiptList, Some(Capability::SeeReceipts);
        }
    };
}
